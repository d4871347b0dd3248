#include "launchpad/replay/tables.h"

#include <set>

namespace lp::replay {

Status check_names(std::span<const std::string> names) {
  if (names.empty()) return Error(Code::kInvalidArgument, "At least one table must be provided");
  std::set<std::string_view> known;
  for (const std::string& name : names) {
    if (known.insert(name).second) continue;
    return Error(Code::kInvalidArgument, "Multiple items in tables have the same name: " + name);
  }
  return {};
}

Result<std::shared_ptr<const Tables>> Tables::make(std::vector<std::shared_ptr<Table>> tables) {
  std::vector<std::string> names;
  for (const auto& table : tables) {
    if (table == nullptr) return Error(Code::kInvalidArgument, "a table is null");
    names.push_back(table->name());
  }
  LP_TRY(check_names(names));
  return std::shared_ptr<const Tables>(new Tables(std::move(tables)));
}

Tables::Tables(std::vector<std::shared_ptr<Table>> tables) : all_(std::move(tables)) {
  for (const auto& table : all_) by_name_.emplace(table->name(), table);
}

std::shared_ptr<Table> Tables::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<Table>> Tables::named(std::string_view name) const {
  if (auto table = find(name)) return table;
  return Error(Code::kNotFound, "Priority table " + std::string(name) + " was not found");
}

}  // namespace lp::replay
