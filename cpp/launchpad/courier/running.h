// Running counts what goes on in a server and must end before the server does: threads that run
// calls, and what streams take from. Beginning and ending are one atomic step each, which a thread
// takes once for calls that it runs one after the other. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "launchpad/base/clock.h"
#include "launchpad/base/guarded.h"

namespace lp::courier {

class Running {
 public:
  // Each time that this is true, end() is due. False: nothing begins any more.
  bool begin() {
    if ((state_.fetch_add(1, std::memory_order_acq_rel) & kClosed) == 0) return true;
    end();
    return false;
  }
  void end() {
    if ((state_.fetch_sub(1, std::memory_order_acq_rel) & kWatched) != 0) tell();
  }
  // What runs already asks before each further thing that it would begin.
  bool closed() const { return (state_.load(std::memory_order_acquire) & kClosed) != 0; }
  int count() const { return static_cast<int>(state_.load(std::memory_order_acquire) & kCount); }

  // From now on nothing begins. What runs goes on.
  void close() { state_.fetch_or(kClosed, std::memory_order_acq_rel); }
  // Waits until so few run, or the deadline has passed.
  void wait(int few, const base::Deadline& deadline);

 private:
  static constexpr uint64_t kCount = 0xffffffff;
  static constexpr uint64_t kClosed = uint64_t{1} << 62;
  static constexpr uint64_t kWatched = uint64_t{1} << 63;  // Somebody waits, or did.

  void tell();

  std::atomic<uint64_t> state_{0};
  struct Nothing {};
  base::Guarded<Nothing> changed_;
};

}  // namespace lp::courier
