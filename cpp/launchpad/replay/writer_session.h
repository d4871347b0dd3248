// WriterSession is the server's end of one TrajectoryWriter, across all its connections: the chunks
// that its items may use, and how far its items have come, so that each is put in once, in order,
// however often it is sent. Shared by the store and the calls in flight; any thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/courier/call.h"
#include "launchpad/replay/messages.h"
#include "launchpad/replay/tables.h"

namespace lp::replay {

class WriterSession : public std::enable_shared_from_this<WriterSession> {
 public:
  // `last`: of its items that were put in before, by number.
  WriterSession(std::shared_ptr<const Tables> tables, uint64_t last, size_t max_waiting)
      : tables_(std::move(tables)), max_waiting_(max_waiting), state_(last) {}

  // Takes a write: it is answered when all its items were given to their tables, with the numbers
  // of those that wait there; and if it awaits items, not before one of these waits no more.
  void write(courier::Call call, WriteRequest request);

  // A write is about to come: the writer is not idle.
  void hear();
  // The number of the last item before the first that is not put in.
  uint64_t last() const;
  // Fails the writes that wait.
  void stop();
  // Lets go of all chunks if nothing came since `before`.
  void forget_chunks(base::TimePoint before);
  // Nothing came since `before`, and no item waits.
  bool idle_since(base::TimePoint before) const;

 private:
  // A write that is not answered yet.
  struct Open {
    explicit Open(courier::Call given) : call(std::move(given)) {}
    courier::Call call;
    size_t left = 0;                // Items that were not given to their tables yet,
    std::vector<uint64_t> numbers;  // and all its items, or those that it awaits.
    std::optional<Error> refused;
  };
  using OpenRef = std::shared_ptr<Open>;
  struct Early {
    courier::Call call;
    WriteRequest request;
  };
  struct Ready {
    uint64_t number;
    std::shared_ptr<Table> table;
    Item item;
    OpenRef open;
  };
  struct State {
    explicit State(uint64_t last) : accepted(last) {}
    uint64_t accepted;  // All items up to this number were taken.
    std::unordered_map<uint64_t, ChunkRef> chunks;
    std::set<uint64_t> waiting;  // Items that are not in their tables, by number,
    std::set<uint64_t> lost;     // and those that will not be, unless they are sent again.
    std::deque<Ready> ready;     // To be given to their tables, by one thread at a time.
    bool giving = false;
    std::vector<OpenRef> awaiting;
    std::map<uint64_t, Early> early;  // Writes that overtook the one before, by their first item.
    base::TimePoint heard = base::steady_clock().now();
  };
  using Outcome = Result<std::vector<uint64_t>>;
  using Answers = std::vector<std::pair<OpenRef, Outcome>>;

  static void keep_early(State& state, courier::Call call, WriteRequest request, Answers& answers);
  void take(State& state, courier::Call call, WriteRequest request, Answers& answers);
  void take_items(State& state, const WriteRequest& request, const OpenRef& open);
  Result<Ready> prepare(State& state, uint64_t number, const NamedItem& item);
  void give();
  void finished(uint64_t number, const OpenRef& open, const Status& status);
  // Which of its items wait.
  static std::vector<uint64_t> waiting_of(const State& state, const Open& open);
  static Outcome outcome_of(const State& state, const Open& open);
  static void answer(const Answers& answers);

  const std::shared_ptr<const Tables> tables_;
  const size_t max_waiting_;
  base::Guarded<State> state_;
};

}  // namespace lp::replay
