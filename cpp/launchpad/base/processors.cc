#include "launchpad/base/processors.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "launchpad/base/fd.h"

namespace lp::base {

long processors() {
  static const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  return count;
}

long usable_processors() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return processors();
  return CPU_COUNT(&set);
}

// "0.20 0.18 0.12 1/80 11206": 1 thread.
long running_threads() {
  const Fd file(::open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
  char text[64] = {};
  if (::pread(file.get(), text, sizeof(text) - 1, 0) <= 0) return 0;
  long running = 0;
  return std::sscanf(text, "%*s %*s %*s %ld", &running) == 1 ? running : 0;
}

bool change_core() {
  cpu_set_t before;
  if (::sched_getaffinity(0, sizeof(before), &before) != 0) return false;
  const int core = ::sched_getcpu();
  if (core < 0 || core >= CPU_SETSIZE) return false;
  cpu_set_t others = before;
  CPU_CLR(core, &others);
  if (CPU_COUNT(&others) == 0) return false;
  if (::sched_setaffinity(0, sizeof(others), &others) != 0) return false;
  // To ask for all that can be, which the system cuts to what the thread's group has, leaves
  // nothing behind, should the group have more one day. That is not what it had if somebody chose
  // fewer.
  cpu_set_t all, after;
  std::memset(&all, 0xff, sizeof(all));
  ::sched_setaffinity(0, sizeof(all), &all);
  if (::sched_getaffinity(0, sizeof(after), &after) != 0 || !CPU_EQUAL(&after, &before))
    ::sched_setaffinity(0, sizeof(before), &before);
  return true;
}

}  // namespace lp::base
