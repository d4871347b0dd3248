// WriterCore is what a TrajectoryWriter, its sending thread and its calls in flight share: the
// steps, and the items that are not known to be in their tables. Items leave in order, several
// calls at a time; after a break all that is not confirmed is sent again, and the server tells what
// it has. Any thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/replay/messages.h"
#include "launchpad/replay/step_buffer.h"
#include "launchpad/replay/stream_retry.h"

namespace lp::replay {

class WriterCore : public std::enable_shared_from_this<WriterCore> {
 public:
  WriterCore(std::shared_ptr<courier::Channel> channel, TrajectoryWriterOptions options,
             const std::vector<TableInfo>& tables);

  void start();
  // Ends the thread. Gives the number of items that were dropped.
  int64_t close();

  // Reads or changes the steps, under the lock. CANCELLED after close().
  template <class F>
  auto steps(F&& f) const {
    return state_.with([&](const State& state) { return f(state.steps); });
  }
  Status append(std::span<const Cell> cells, bool partial);
  Status configure(size_t column, int64_t keep_alive, std::optional<int64_t> max_chunk_length);
  Result<uint64_t> create_item(std::string_view table, double priority,
                               std::span<const TrajectoryColumn> columns);
  Status flush(int64_t block_until, const base::Deadline& deadline);
  Status end_episode(bool clear_buffers, const base::Deadline& deadline);
  int64_t pending() const;

 private:
  struct Pending {
    uint64_t number = 0;
    NamedItem item{};
    std::vector<SlotRef> slots{};
    base::TimePoint created{};
    bool confirmed = false;
  };
  struct State {
    State(const TrajectoryWriterOptions& options, uint64_t seed)
        : rng(seed), session(rng()), steps(options, session, rng), retry(options.retry_for) {}
    base::Rng rng;
    const uint64_t session;
    StepBuffer steps;
    std::deque<Pending> items;  // Not confirmed, or behind one that is not; by number.
    int64_t unconfirmed = 0;
    uint64_t next = 1;          // The number of the next item.
    uint64_t unsent = 1;        // That of the first that is not on its way.
    uint64_t forced = 0;        // Items up to this number do not wait for their chunks to fill.
    std::vector<SlotRef> sent;  // Chunks that the server has.
    std::set<std::shared_ptr<courier::Pending>> calls;  // In flight.
    size_t in_flight = 0;                               // Calls.
    uint64_t sent_items = 0;                            // Not confirmed.
    std::set<uint64_t> awaited;                         // Items that wait for their tables.
    bool awaiting = false;                              // A call that asks for them is in flight.
    bool broken = false;  // Some call failed on its way: all is sent again when the others ended.
    StreamRetry retry;
    std::optional<Error> failed;  // For good.
    bool closed = false;
  };
  // A write that shall be sent.
  struct Outgoing {
    WriteRequest request;
    // The numbers of its items, or of those that it awaits.
    std::vector<uint64_t> numbers{};
  };
  // What its items must be.
  struct KnownTable {
    std::optional<Signature> signature;
    SelectorOptions sampler;
    SelectorOptions remover;
  };
  enum class Next { kLook, kSend, kAwait, kRecover, kEnd };

  void work();
  void say_goodbye();
  static bool may_send(const State& state);
  bool can_send(const State& state, base::TimePoint now) const;
  std::optional<base::TimePoint> next_linger(const State& state) const;
  Result<Outgoing> next_write(State& state, base::TimePoint now);
  Status add_item(State& state, Pending& pending, Outgoing& outgoing, size_t& bytes);
  void release(State& state, Outgoing& outgoing);
  void send(Outgoing outgoing);
  Outgoing next_await(State& state);
  Next what_next(const State& state) const;
  void answered(const Outgoing& outgoing, const courier::Answer& answer, bool& done);
  void confirm(State& state, const Outgoing& outgoing, const std::vector<uint64_t>& waiting);
  void fail(State& state, const Error& error, bool stopped);
  void recover(State& state);
  const Pending& item_at(const State& state, uint64_t number) const;
  Status check(const State& state) const;
  Status check_item(std::string_view table, double priority, const CutItem& item) const;

  const std::shared_ptr<courier::Channel> channel_;
  const TrajectoryWriterOptions options_;
  std::map<std::string, KnownTable, std::less<>> tables_;
  mutable base::Guarded<State> state_;
  std::thread thread_;
  std::mutex join_;  // close() may be called by several threads.
};

}  // namespace lp::replay
