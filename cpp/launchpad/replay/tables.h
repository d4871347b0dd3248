// Tables are a store's tables, in their order and by their names. Made once, never changed: shared
// by the store and its writers' sessions, which may outlive it. Any thread.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/replay/table.h"

namespace lp::replay {

// INVALID_ARGUMENT: none, or two that are alike.
Status check_names(std::span<const std::string> names);

class Tables {
 public:
  // INVALID_ARGUMENT: none, one that is null, or two of the same name.
  static Result<std::shared_ptr<const Tables>> make(std::vector<std::shared_ptr<Table>> tables);

  const std::vector<std::shared_ptr<Table>>& all() const { return all_; }
  // Null: none of that name.
  std::shared_ptr<Table> find(std::string_view name) const;
  // NOT_FOUND: the same.
  Result<std::shared_ptr<Table>> named(std::string_view name) const;

 private:
  explicit Tables(std::vector<std::shared_ptr<Table>> tables);

  const std::vector<std::shared_ptr<Table>> all_;
  std::map<std::string, std::shared_ptr<Table>, std::less<>> by_name_;
};

}  // namespace lp::replay
