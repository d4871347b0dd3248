// Outflows are the streams of one connection, by the id of the call that opened each. Owned by its
// session. Any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "launchpad/base/guarded.h"
#include "launchpad/courier/outflow.h"

namespace lp::courier {

// Asks for a stream's next results: a call of this name, whose only argument is the stream's id.
inline constexpr std::string_view kNextResults = "__next_results__";
// Streams that one connection may have open.
inline constexpr size_t kMaxStreams = 256;

// Runs something on a thread of its own, or says why not.
using RunApart = std::function<Status(std::function<void()>)>;

class Outflows {
 public:
  // Before the first is opened: what their threads are made by.
  void set_run_apart(RunApart run_apart) { run_apart_ = std::move(run_apart); }

  // From now on results are taken from `source`. RESOURCE_EXHAUSTED beyond kMaxStreams or threads;
  // UNAVAILABLE once ended.
  Status open(uint64_t id, std::shared_ptr<wire::PayloadStream> source);
  // Answers a call of kNextResults, now or later. UNAVAILABLE if there is no such stream.
  void ask(Call&& call);
  // The stream, if there is one, ends.
  void cancel(uint64_t id);
  // All end, and none is opened any more.
  void end(const Error& why);

 private:
  struct Streams {
    std::map<uint64_t, std::shared_ptr<Outflow>> open{};
    std::optional<Error> ended{};
  };
  using Shared = base::Guarded<Streams>;

  RunApart run_apart_;
  const std::shared_ptr<Shared> streams_ = std::make_shared<Shared>();
};

}  // namespace lp::courier
