#include "launchpad/base/background.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <fstream>

namespace lp::base {
namespace {

// A tenth of a processor that another thread wants, too: the work gets done all the same.
constexpr int kNice = 10;
// include/uapi/linux/ioprio.h, which the C library has not.
constexpr int kIoprioWhoProcess = 1;
constexpr int kBestEffortLowest = (2 << 13) | 7;

Nanos thread_time() {
  timespec time{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return Nanos(static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec);
}

// "0.20 0.18 0.12 1/80 11206": 1 thread runs, or could, this one included.
bool processors_taken() {
  std::ifstream file("/proc/loadavg");
  double ignored = 0;
  long running = 0;
  file >> ignored >> ignored >> ignored >> running;
  return file && running >= sysconf(_SC_NPROCESSORS_ONLN);
}

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
  return {thread_time, processors_taken, [](Nanos time) { std::this_thread::sleep_for(time); }};
}

Pace::Pace(World world) : world_(std::move(world)), since_(world_.worked()) {}

Pace Pace::restless() {
  Pace pace;
  pace.rests_ = false;
  return pace;
}

void Pace::look_around() {
  const Nanos worked = world_.worked();
  if (worked - since_ < kBurst) return;
  since_ = worked;
  if (!world_.taken()) return;
  world_.rest(kRest);
}

}  // namespace lp::base
