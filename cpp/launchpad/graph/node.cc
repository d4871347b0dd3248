#include "launchpad/graph/node.h"

namespace lp {

std::unique_ptr<courier::Server> NodeContext::make_server(int threads) const {
  courier::ServerOptions options;
  options.name = name();
  options.threads = threads;
  options.on_thread_start = batch_threads().on_start;
  return std::make_unique<courier::Server>(std::move(options));
}

// Methods may ask for the run they are part of: each thread that runs them carries the context.
courier::BatchThreads NodeContext::batch_threads() const {
  return {.on_start = [context = context_] { run::set_thread_context(context); }};
}

}  // namespace lp
