// Router knows the methods of a server by name. "*" takes every name that has no handler of its
// own. Any thread; handlers may be bound and unbound while calls run.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/courier/call.h"

namespace lp::courier {

// Every server answers it with its methods' names.
inline constexpr std::string_view kListMethods = "__list_methods__";
// And this one with whether it is healthy.
inline constexpr std::string_view kHealth = "__health__";

class Router {
 public:
  // Replaces a handler of that name. INVALID_ARGUMENT for an empty name.
  Status bind(std::string method, Handler handler);
  void unbind(const std::string& method);
  // Sorted.
  std::vector<std::string> names() const;

  // Runs the method's handler, or answers NOT_FOUND with the names there are.
  void run(Call call) const;

 private:
  std::shared_ptr<const Handler> find(const std::string& method) const;

  base::Guarded<std::map<std::string, std::shared_ptr<const Handler>, std::less<>>> handlers_;
};

}  // namespace lp::courier
