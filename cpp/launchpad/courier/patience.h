// Patience decides whether a thread that waits for its peer's next bytes looks for them awake
// before it sleeps. To wake a sleeping core takes some 40 us, so it pays where the peer answers
// sooner; it costs where it does not, or where the peer needs this core. So it learns: a few losses
// in a row, and it is left out for longer and longer. Owned by one end of a connection; its
// reader's, so one thread at a time.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>

#include "launchpad/base/clock.h"

namespace lp::courier {

class Patience {
 public:
  static constexpr uint32_t kForgiven = 3;  // Losses in a row that change nothing.
  static constexpr uint32_t kMaxDoublings = 10;

  // `limit`: how long it looks at most; 0: never.
  explicit Patience(base::Nanos limit, const base::Clock& clock = base::steady_clock())
      : limit_(limit), clock_(clock) {}

  // Whether to wait awake this time.
  bool ready() {
    static const bool alone = std::thread::hardware_concurrency() < 2;
    if (alone || limit_.count() == 0) return false;
    const uint32_t left = left_out_.load(std::memory_order_relaxed);
    if (left == 0) return true;
    left_out_.store(left - 1, std::memory_order_relaxed);
    return false;
  }

  // Looks again and again until `look` says true, or the limit is over. What `look` said last.
  template <class Look>
  bool wait(Look look) {
    const base::TimePoint start = clock_.now();
    base::Nanos spent{0};
    bool found = false;
    while (!found && spent < limit_) {
      found = look();
      spent = clock_.now() - start;
    }
    // Much longer than the limit: something else wanted this core.
    judge(found && spent < 4 * limit_);
    return found;
  }

  // What was waited for is none that comes soon.
  void lose() { judge(false); }

 private:
  void judge(bool won) {
    const uint32_t losses = won ? 0 : losses_.load(std::memory_order_relaxed) + 1;
    losses_.store(losses, std::memory_order_relaxed);
    if (losses < kForgiven) return;
    left_out_.store(4u << std::min(losses - kForgiven, kMaxDoublings), std::memory_order_relaxed);
  }

  const base::Nanos limit_;
  const base::Clock& clock_;
  // The role of reader passes from thread to thread.
  std::atomic<uint32_t> losses_{0};
  std::atomic<uint32_t> left_out_{0};
};

}  // namespace lp::courier
