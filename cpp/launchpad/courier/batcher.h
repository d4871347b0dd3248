// Batcher gathers calls until there are enough of them, or the first has waited long enough, and
// hands them to one function. A parked call costs no thread: batches run on at most
// `max_parallelism` threads of the batcher's own, which also watch the time. Owned by whoever
// serves. Any thread. It does not know what a call means: see batched.h.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/courier/call.h"

namespace lp::courier {

// One call that waits for its batch.
class Waiting {
 public:
  virtual ~Waiting() = default;
  // Why nobody waits for its answer any more; it is left out of the batch then.
  virtual std::optional<Error> gone() const = 0;
  virtual void fail(const Error& error) = 0;
};
using Batch = std::vector<std::unique_ptr<Waiting>>;

// CANCELLED or DEADLINE_EXCEEDED, if so.
std::optional<Error> why_gone(const Call& call);

// Run at the start and the end of each of a batcher's threads.
struct BatchThreads {
  std::function<void()> on_start{};
  std::function<void()> on_end{};
};

struct BatchOptions {
  size_t size = 1;                   // A batch of so many runs at once.
  int max_parallelism = 1;           // Batches that run at the same time, at most.
  base::Nanos timeout{200'000'000};  // A smaller one runs so long after its first call.
  BatchThreads threads{};
};

// Which calls make the next batch, and when. Pure; one thread at a time.
class BatchQueue {
 public:
  BatchQueue(size_t size, base::Nanos timeout) : size_(size), timeout_(timeout) {}

  struct Taken {
    Batch batch;
    std::vector<std::pair<std::unique_ptr<Waiting>, Error>> gone;  // To fail.
  };

  void add(std::unique_ptr<Waiting> waiting, base::TimePoint now);
  // When the next batch is to be taken; none: nothing waits.
  std::optional<base::TimePoint> next() const;
  bool due(base::TimePoint now) const { return next() && *next() <= now; }
  // The batch is empty if too many of its calls were gone for it to be due.
  Taken take(base::TimePoint now);
  bool empty() const { return waiting_.empty(); }
  size_t count() const { return waiting_.size(); }
  size_t size() const { return size_; }

 private:
  struct Entry {
    std::unique_ptr<Waiting> waiting;
    base::TimePoint since;
  };

  const size_t size_;
  const base::Nanos timeout_;
  std::deque<Entry> waiting_;
};

class Batcher {
 public:
  using Run = std::function<void(Batch)>;  // Must not throw.

  Batcher(BatchOptions options, Run run);
  // Waits for batches that run (but for one that destroys it); calls that still wait fail with
  // UNAVAILABLE.
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  void add(std::unique_ptr<Waiting> waiting);

 private:
  class Core;  // What its threads share.

  std::shared_ptr<Core> core_;
};

}  // namespace lp::courier
