#include "launchpad/base/processors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "launchpad/base/fd.h"

namespace lp::base {

long processors() {
  static const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  return count;
}

// "0.20 0.18 0.12 1/80 11206": 1 thread.
long running_threads() {
  const Fd file(::open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
  char text[64] = {};
  if (::pread(file.get(), text, sizeof(text) - 1, 0) <= 0) return 0;
  long running = 0;
  return std::sscanf(text, "%*s %*s %*s %ld", &running) == 1 ? running : 0;
}

}  // namespace lp::base
