#include "launchpad/run/context.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "launchpad/base/guarded.h"

namespace lp::run {
namespace {

thread_local std::shared_ptr<const Context> thread_context;

// Contexts of the programs that run in this process: the one piece of global state. Leaked.
base::Guarded<std::vector<std::shared_ptr<const Context>>>& published() {
  static auto* const list = new base::Guarded<std::vector<std::shared_ptr<const Context>>>();
  return *list;
}

}  // namespace

std::string Context::address_of(int number) const {
  return address_prefix + std::to_string(number) + address_suffix;
}

std::string Context::name_of(int number) const {
  if (task_names == nullptr || number < 0 || static_cast<size_t>(number) >= task_names->size()) {
    return "node " + std::to_string(number);
  }
  return (*task_names)[static_cast<size_t>(number)];
}

Result<std::unique_ptr<net::Listener>> Context::listen() const {
  if (*bound != nullptr) return std::move(*bound);
  LP_TRY_ASSIGN(const net::Address address, net::Address::parse(address_of(task)));
  return net::listen(address);
}

Result<std::unique_ptr<net::Listener>> Context::listen_inner(int number) const {
  // Nodes inside of one are threads, which take their listeners at the same time.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  auto found = inner->find(number);
  if (found == inner->end()) {
    return Error(Code::kFailedPrecondition, "'" + name_of(number) + "' is no node inside of '" +
                                                name() + "' that still has to listen");
  }
  std::unique_ptr<net::Listener> listener = std::move(found->second);
  inner->erase(found);
  return listener;
}

std::shared_ptr<const Context> current_context() {
  if (thread_context != nullptr) return thread_context;
  return published().with([](const auto& list) -> std::shared_ptr<const Context> {
    if (list.empty()) return nullptr;
    // Nodes of one program share their stop signal; two programs leave it open which one is meant.
    for (const auto& context : list) {
      if (context->stop != list.front()->stop) return nullptr;
    }
    return list.front();
  });
}

void set_thread_context(std::shared_ptr<const Context> context) {
  thread_context = std::move(context);
}

ScopedContext::ScopedContext(std::shared_ptr<const Context> context)
    : outer_(std::exchange(thread_context, std::move(context))) {}

ScopedContext::~ScopedContext() { thread_context = std::move(outer_); }

PublishedContext::PublishedContext(std::shared_ptr<const Context> context)
    : context_(std::move(context)) {
  published().with([&](auto& list) { list.push_back(context_); });
}

PublishedContext::~PublishedContext() {
  published().with([&](auto& list) { list.erase(std::find(list.begin(), list.end(), context_)); });
}

}  // namespace lp::run
