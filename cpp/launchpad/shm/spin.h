// Spin looks for something that is likely to come within microseconds, before its thread sleeps:
// waking a core that sleeps costs more than most calls. It looks more rarely where that did not
// help lately, not at all while others keep the cores busy, and never where whoever could bring it
// has only the same core. One thread at a time.
#pragma once

#include <sched.h>

#include <cstdint>

#include "launchpad/base/clock.h"

namespace lp::shm {

// How long a thread looks at most. It lets others run meanwhile.
inline constexpr base::Nanos kSpinLimit{100'000};
// Who lent its core to others and got it back only after so long, a turn of the scheduler's, had
// better sleep: it would be woken sooner. That holds for kFirstPause times as long, since it may
// have been an accident, and for kNextPause times if it comes again within kPauseMemory.
inline constexpr base::Nanos kSpinTurn{1'500'000};
inline constexpr int kFirstPause = 10;
inline constexpr int kNextPause = 100;
inline constexpr base::Nanos kPauseMemory{1'000'000'000};

class Spin {
 public:
  // The only core that the calling thread may use, counted from 1; 0 if it may use several.
  static uint32_t only_core();
  // Whether somebody, whose only core is `others`, can run while this thread looks.
  static bool helps(uint32_t others);
  static void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  // True once there() holds, false if it did not soon. `others`: as in `helps`.
  template <class There>
  bool until(uint32_t others, const There& there) {
    if (there()) return true;
    if (!worth(others)) return false;
    const base::TimePoint start = base::steady_clock().now();
    base::TimePoint now = start;
    do {
      const base::TimePoint before = now;
      for (int i = 0; i < kLooks; ++i) {
        if (there()) return hit();
        relax();
      }
      // Whoever is to bring it may wait for this core.
      ::sched_yield();
      now = base::steady_clock().now();
      if (now - before >= kSpinTurn) {
        pause(now, now - before);
        return there();
      }
    } while (now - start < kSpinLimit);
    return there() ? hit() : miss();
  }

 private:
  static constexpr int kLooks = 64;

  bool worth(uint32_t others);
  void pause(base::TimePoint now, base::Nanos away);
  bool hit() {
    misses_ = 0;
    return true;
  }
  bool miss() {
    ++misses_;
    return false;
  }

  uint32_t waits_ = 0;
  uint32_t misses_ = 0;  // In a row.
  bool paused_ = false;
  base::TimePoint pause_until_{};  // The end of the last pause.
};

}  // namespace lp::shm
