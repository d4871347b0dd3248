// Flusher sends what connections have kept back to let small messages leave together: a short time
// after the first of them at the latest, from a thread of the process's own that sleeps while
// nothing is due. Any thread.
#pragma once

#include <cstdint>
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

// What has gathered to this size does not wait.
inline constexpr size_t kGatherBytes = 16 * 1024;

class Flusher {
 public:
  // How long what is kept back waits at most.
  enum class Pace : uint8_t {
    kSoon,     // 50 us: a small asynchronous call, for company.
    kInBurst,  // 200 us: the same while very many are made. Each coming costs a switch of threads.
    kLater,    // 2 ms: the same in a burst that goes on, memory that can be given back, for a
               // message to travel with, and a connection that takes nothing, for the next try.
  };
  // The process's.
  static Flusher& at(Pace pace);
  // The pace of a connection that has kept back so many calls since a flusher of pace `last` was
  // asked to come. From 320,000 a second on it is in a burst.
  static Pace next_pace(Pace last, int calls);

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
