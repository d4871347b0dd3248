// Spin looks for something that is likely to come within microseconds, before its thread sleeps:
// waking a core that sleeps costs more than most calls. It lends its core to others meanwhile,
// after every look if they take it: whoever is to bring it may be one of them, and is here sooner
// than by being woken. It looks more rarely where that did not help lately, and not at all while
// others keep the core for longer than looking saves, unless that is because they are so many.
// One thread at a time.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "launchpad/base/clock.h"
#include "launchpad/base/processors.h"

namespace lp::shm {

// How long a thread looks at most, if it has its core for itself.
inline constexpr base::Nanos kSpinLimit{100'000};
// Who lent its core to others and got it back only after so long, a turn of the scheduler's, has
// lost that time: a thread that sleeps would have been woken sooner.
inline constexpr base::Nanos kSpinTurn{1'500'000};
// Unless each thread that could run had it for no longer than this: they lend it to each other, and
// to be woken costs all of them more.
inline constexpr base::Nanos kQuickTurn{100'000};
// How long it is believed that they are so many: to count them costs as much as a call.
inline constexpr base::Nanos kCountKept{50'000'000};
// More than this is no turn of the scheduler's, but a machine that stood still.
inline constexpr base::Nanos kLongestTurn{4'000'000};
// What looking saves each time that it finds something, and how much of that is remembered: so much
// may be lost before it is given up,
inline constexpr base::Nanos kSpinSaves{20'000};
inline constexpr base::Nanos kMostCredit{10'000'000};
// for so many times as long as the last turn that was lost.
inline constexpr int kSpinPause = 100;

class Spin {
 public:
  // `running`: how many threads of the machine could run.
  explicit Spin(long (*running)() = base::running_threads) : running_(running) {}

  static void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  // What a look costs: next to nothing, or a system call, which is wasted on a crowded core before
  // it was lent.
  enum class Look { kFree, kSystemCall };

  // When this thread last lent its core, somebody took it. Any thread may ask.
  bool crowded() const { return crowded_.load(std::memory_order_relaxed); }

  // This thread was woken because it has its core for itself now.
  void has_core() { crowded_.store(false, std::memory_order_relaxed); }

  // Lends the core once.
  void lend() { lend_core(base::steady_clock().now()); }

  // True once there() holds, false if it did not soon.
  template <class There>
  bool until(const There& there, Look look = Look::kFree) {
    if ((look == Look::kFree || !crowded()) && there()) return true;
    if (!worth()) return false;
    if (crowded() && ++first_turns_ % kTimedTurns != 0) {
      ::sched_yield();
      if (there()) return hit();
    }
    const base::TimePoint start = base::steady_clock().now();
    base::TimePoint now = start;
    int turns = 0;
    do {
      const base::TimePoint before = now;
      for (int i = crowded() ? 1 : kLooks; i > 0; --i) {
        if (there()) return hit();
        relax();
      }
      now = lend_core(before);
      if (now - before >= kSpinTurn && lost(now, now - before)) return there();
    } while (++turns < kFewestTurns || now - start < kSpinLimit);
    return there() ? hit() : miss();
  }

 private:
  static constexpr int kLooks = 64;
  // On a crowded core the limit may be over when the others, of whom one is to bring it, had a
  // turn.
  static constexpr int kFewestTurns = 3;
  // On a crowded core, whose caches are others', to read the clock costs as much as the turn: the
  // first of a wait is timed once in so many.
  static constexpr uint32_t kTimedTurns = 8;

  bool worth();
  // `looked`: when this thread began to look. Gives the time when it is back.
  base::TimePoint lend_core(base::TimePoint looked);
  // Whether the turn that this thread's core was away is one that others had it for too long.
  bool lost(base::TimePoint now, base::Nanos away);
  bool hit() {
    misses_ = 0;
    credit_ = std::min(credit_ + kSpinSaves, kMostCredit);
    return true;
  }
  bool miss() {
    ++misses_;
    return false;
  }

  long (*const running_)();
  std::atomic<bool> crowded_{false};
  uint32_t waits_ = 0;
  uint32_t first_turns_ = 0;
  uint32_t misses_ = 0;  // In a row.
  base::Nanos credit_ = kMostCredit;
  base::TimePoint count_at_{};  // When they are to be counted again,
  base::Nanos quick_turn_{};    // and how long a quick turn of them all takes.
  bool paused_ = false;
  base::TimePoint pause_until_{};  // The end of the last pause.
};

}  // namespace lp::shm
