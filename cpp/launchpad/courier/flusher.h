// Flusher sends what connections have kept back to let small messages leave together: a short time
// after the first of them at the latest, from a thread of the process's own that sleeps while
// nothing is due. Any thread.
#pragma once

#include <memory>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/base/guarded.h"

namespace lp::courier {

// What a Flusher can be asked to flush.
class Flushable {
 public:
  virtual ~Flushable() = default;
  virtual void flush_due() = 0;
};

// How long a small asynchronous call may wait for company.
inline constexpr base::Nanos kFlushDelay{50'000};
// The same while so many are made that the connection is flushed for their size again and again.
inline constexpr base::Nanos kBurstDelay{200'000};
// How long memory that can be given back waits for a message to travel with, and a connection that
// takes nothing for the next try.
inline constexpr base::Nanos kLongDelay{2'000'000};
// What has gathered to this size does not wait.
inline constexpr size_t kGatherBytes = 16 * 1024;

class Flusher {
 public:
  // The process's, for each delay.
  static Flusher& soon();
  static Flusher& in_burst();
  static Flusher& later();

  // Calls connection->flush_due() after the delay.
  void add(std::weak_ptr<Flushable> connection);

 private:
  explicit Flusher(base::Nanos delay) : delay_(delay) {}

  struct State {
    std::vector<std::weak_ptr<Flushable>> due;
    bool has_thread = false;
    bool asleep = false;
  };
  void work();

  const base::Nanos delay_;
  base::Guarded<State> state_;
};

}  // namespace lp::courier
