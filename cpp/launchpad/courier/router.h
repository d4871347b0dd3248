// Router knows the methods of a server by name, and which of them have priority. "*" takes every
// name that has no handler of its own. Any thread; handlers may be bound and unbound while calls
// run.
#pragma once

#include <atomic>
#include <functional>
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
  // With priority its calls go before others, and run although all of the server's threads are
  // busy.
  Status bind(std::string method, Handler handler, bool priority = false);
  void unbind(const std::string& method);
  // Sorted.
  std::vector<std::string> names() const;

  // Whether there ever was a method with priority.
  bool any_priority() const { return any_priority_.load(std::memory_order_acquire); }
  // True of kHealth, too.
  bool has_priority(const std::string& method) const;
  // To be run with the first method that has priority. Before any bind.
  void on_first_priority(std::function<void()> then) { on_first_priority_ = std::move(then); }

  // The handler that a thread ran last, and keeps while it runs one call after the other: most are
  // of one method.
  class Last {
   public:
    void forget() { handler_.reset(); }

   private:
    friend class Router;
    std::shared_ptr<const Handler> handler_;
    std::string method_;
    uint64_t version_ = 0;
  };

  // Runs the method's handler, or answers NOT_FOUND with the names there are. `last`: of this
  // router's.
  void run(Call&& call, Last& last) const;

 private:
  struct Bound {
    std::shared_ptr<const Handler> handler;
    bool priority = false;
  };
  // No handler: there is none of that name.
  Bound find(const std::string& method) const;

  base::Guarded<std::map<std::string, Bound, std::less<>>> handlers_;
  std::atomic<uint64_t> version_{1};  // Changes with the handlers, under their lock.
  std::atomic<bool> any_priority_{false};
  std::function<void()> on_first_priority_;
};

}  // namespace lp::courier
