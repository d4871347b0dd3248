#include "launchpad/base/background.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "launchpad/base/processors.h"

namespace lp::base {
namespace {

// A quarter of a processor that another thread wants, too: the work gets done all the same.
constexpr int kNice = 5;
// include/uapi/linux/ioprio.h, which the C library has not.
constexpr int kIoprioWhoProcess = 1;
constexpr int kBestEffortLowest = (2 << 13) | 7;

Nanos thread_time() {
  timespec time{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return Nanos(static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec);
}

bool processors_taken() { return running_threads() >= processors(); }

}  // namespace

// What fails leaves the thread as it was: the work is done all the same.
void give_way() {
  // Of this thread alone, where the system is Linux.
  (void)setpriority(PRIO_PROCESS, 0, kNice);
  const sched_param none{};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);
  (void)syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, kBestEffortLowest);
}

Pace::World Pace::real() {
  return {[] { return steady_clock().now(); }, thread_time, processors_taken,
          [] { (void)::sched_yield(); }, [](Nanos time) { std::this_thread::sleep_for(time); }};
}

Pace::Pace(World world)
    : world_(std::move(world)), looked_(world_.now()), rested_(world_.worked()) {}

Pace Pace::restless() {
  Pace pace;
  pace.rests_ = false;
  return pace;
}

void Pace::let_others(TimePoint now) {
  looked_ = now;
  if (now >= lend_after_) {
    world_.lend();
    looked_ = world_.now();
    if (looked_ - now >= kTaken) lend_after_ = looked_ + kRarely * (looked_ - now);
  }
  const Nanos worked = world_.worked();
  if (worked - rested_ < kBurst) return;
  rested_ = worked;
  if (!world_.taken()) return;
  world_.rest(kRest);
  looked_ = world_.now();
}

}  // namespace lp::base
