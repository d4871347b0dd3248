#include "launchpad/shm/spin.h"

#include <algorithm>
#include <thread>

namespace lp::shm {
namespace {

// Misses in a row after which looking becomes rarer, to every 64th wait in the end.
constexpr uint32_t kPatience = 4;
constexpr uint32_t kRarest = 6;
// Waits after which the cores that this thread may use are counted again.
constexpr uint32_t kRecount = 256;

}  // namespace

uint32_t Spin::only_core() {
  thread_local uint32_t asked = 0;
  thread_local uint32_t only = 0;
  if (asked++ % kRecount != 0) return only;
  cpu_set_t cores;
  only = 0;
  if (::sched_getaffinity(0, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) != 1) return only;
  while (!CPU_ISSET(only, &cores)) ++only;
  return ++only;
}

bool Spin::helps(uint32_t others) {
  static const bool several = std::thread::hardware_concurrency() != 1;
  const uint32_t own = only_core();
  return several && (own == 0 || own != others);
}

bool Spin::worth(uint32_t others) {
  if (!helps(others)) return false;
  if (paused_) paused_ = base::steady_clock().now() < pause_until_;
  if (paused_) return false;
  const uint32_t rarer = misses_ < kPatience ? 0 : std::min(misses_ - kPatience + 1, kRarest);
  return (waits_++ & ((1u << rarer) - 1)) == 0;
}

void Spin::pause(base::TimePoint now, base::Nanos away) {
  const bool again = now - pause_until_ < kPauseMemory;
  pause_until_ = now + (again ? kNextPause : kFirstPause) * away;
  paused_ = true;
}

}  // namespace lp::shm
