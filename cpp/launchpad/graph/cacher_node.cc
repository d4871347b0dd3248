#include "launchpad/graph/cacher_node.h"

#include "launchpad/base/log.h"

namespace lp::graph {
namespace {

// Calls that still wait when the node ends get this long to be answered.
constexpr base::Nanos kStopGrace{1'000'000'000};

courier::Handler handler(const std::shared_ptr<courier::Cache>& cache) {
  return [cache](courier::Call&& call) {
    const auto shared = std::make_shared<courier::Call>(std::move(call));
    cache->get(shared->method(), shared->arguments(),
               [shared](const courier::Answer& answer) { shared->finish(answer); });
  };
}

}  // namespace

CacherBody::CacherBody(std::string kind, std::vector<std::string> methods, Source source,
                       SlotPtr input, CacherOptions options)
    : kind_(std::move(kind)),
      methods_(std::move(methods)),
      source_(std::move(source)),
      options_(options) {
  track_slot(std::move(input));
}

Status CacherBody::check() const {
  if (options_.refresh_interval.count() > 0 && options_.stale_after.count() > 0) return {};
  return Error(Code::kInvalidArgument,
               "a CacherNode's refresh_interval and stale_after must be positive, they are " +
                   std::to_string(options_.refresh_interval.count()) + " ns and " +
                   std::to_string(options_.stale_after.count()) + " ns");
}

void CacherBody::run(NodeContext& context) {
  courier::CacheOptions options;
  options.stale_after = options_.stale_after;
  options.max_entries = options_.max_entries;
  options.on_refresh_failure = [stop = context.run_context()->stop, name = context.name()](
                                   std::string_view method, const Error& error) {
    if (stop->requested()) return;
    base::log(base::LogLevel::kWarning, name + " cannot refresh the cache of '" +
                                            std::string(method) + "': " + error.message);
  };
  const auto cache = courier::Cache::make(source_(), std::move(options));
  const auto server = context.make_server(options_.threads);
  for (const std::string& method : methods_) {
    const Status bound = server->router().bind(method, handler(cache));
    LP_CHECK(bound.ok());
  }
  server->start(context.run_context()->listen().value_or_throw()).value_or_throw();
  while (!context.wait_for_stop(base::Deadline::after(options_.refresh_interval))) {
    cache->refresh();
  }
  server->stop(base::Deadline::after(kStopGrace));
}

}  // namespace lp::graph
