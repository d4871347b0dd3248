#include "launchpad/courier/router.h"

#include <exception>

#include "launchpad/wire/codec.h"

namespace lp::courier {

Status Router::bind(std::string method, Handler handler, bool priority) {
  if (method.empty())
    return Error(Code::kInvalidArgument,
                 "a method's name must not be empty: give Bind a name, or \"*\" for all others");
  if (!handler) return Error(Code::kInvalidArgument, "the handler of '" + method + "' is missing");
  handlers_.with([&](auto& handlers) {
    handlers.insert_or_assign(std::move(method),
                              Bound{std::make_shared<const Handler>(std::move(handler)), priority});
    version_.fetch_add(1, std::memory_order_release);
  });
  if (priority && !any_priority_.exchange(true) && on_first_priority_) on_first_priority_();
  return {};
}

void Router::unbind(const std::string& method) {
  handlers_.with([&](auto& handlers) {
    handlers.erase(method);
    version_.fetch_add(1, std::memory_order_release);
  });
}

std::vector<std::string> Router::names() const {
  return handlers_.with([](const auto& handlers) {
    std::vector<std::string> names;
    for (const auto& [name, handler] : handlers) names.push_back(name);
    return names;
  });
}

Router::Bound Router::find(const std::string& method) const {
  return handlers_.with([&](const auto& handlers) -> Bound {
    auto found = handlers.find(method);
    if (found == handlers.end()) found = handlers.find("*");
    return found == handlers.end() ? Bound{} : found->second;
  });
}

bool Router::has_priority(const std::string& method) const {
  return method == kHealth || find(method).priority;
}

void Router::run(Call&& call, Last& last) const {
  const uint64_t version = version_.load(std::memory_order_acquire);
  if (last.handler_ == nullptr || last.version_ != version || last.method_ != call.method()) {
    // Should the handlers change meanwhile, the next call looks again.
    last.version_ = version;
    last.method_ = call.method();
    last.handler_ = find(call.method()).handler;
  }
  if (last.handler_ != nullptr) return (*last.handler_)(std::move(call));
  if (call.method() == kListMethods) {
    wire::Payload payload;
    wire::Writer writer(payload);
    wire::write(writer, names());
    call.reply(payload);
    return;
  }
  std::string known;
  for (const std::string& name : names()) known += (known.empty() ? "" : ", ") + name;
  call.fail(Error(Code::kNotFound, "method " + call.method() + " not found; there is " +
                                       (known.empty() ? "none" : known)));
}

}  // namespace lp::courier
