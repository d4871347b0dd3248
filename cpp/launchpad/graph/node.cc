#include "launchpad/graph/node.h"

namespace lp {

std::unique_ptr<courier::Server> NodeContext::make_server(int threads) const {
  courier::ServerOptions options;
  options.name = name();
  options.threads = threads;
  // Methods may ask for the run they are part of: each of the server's threads carries the context.
  options.on_thread_start = [context = context_] {
    static thread_local std::optional<run::ScopedContext> scope;
    scope.emplace(context);
  };
  return std::make_unique<courier::Server>(std::move(options));
}

}  // namespace lp
