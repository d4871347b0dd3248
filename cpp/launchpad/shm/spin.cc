#include "launchpad/shm/spin.h"

namespace lp::shm {
namespace {

// Misses in a row after which looking becomes rarer, to every 64th wait in the end.
constexpr uint32_t kPatience = 4;
constexpr uint32_t kRarest = 6;
// Lending a core that nobody takes is a system call; to switch to another thread takes longer.
constexpr base::Nanos kTaken{700};

}  // namespace

bool Spin::worth() {
  if (paused_) paused_ = base::steady_clock().now() < pause_until_;
  if (paused_) return false;
  const uint32_t rarer = misses_ < kPatience ? 0 : std::min(misses_ - kPatience + 1, kRarest);
  return (waits_++ & ((1u << rarer) - 1)) == 0;
}

// After a single look the clock need not be read again.
base::TimePoint Spin::lend_core(base::TimePoint looked) {
  const base::TimePoint before = crowded() ? looked : base::steady_clock().now();
  ::sched_yield();
  const base::TimePoint after = base::steady_clock().now();
  crowded_.store(after - before >= kTaken, std::memory_order_relaxed);
  return after;
}

// The next turn that is lost after a pause brings another one, unless something was found
// meanwhile.
bool Spin::lost(base::TimePoint now, base::Nanos away) {
  if (now >= count_at_ || away > quick_turn_) {
    count_at_ = now + kCountKept;
    quick_turn_ = kQuickTurn * (running_() / base::processors());
  }
  if (away <= quick_turn_) return false;
  away = std::min(away, kLongestTurn);
  credit_ -= away;
  if (credit_ >= base::Nanos(0)) return true;
  credit_ = base::Nanos(0);
  pause_until_ = now + kSpinPause * away;
  paused_ = true;
  return true;
}

}  // namespace lp::shm
