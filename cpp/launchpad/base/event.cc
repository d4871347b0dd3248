#include "launchpad/base/event.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace lp::base {

Fd make_event() { return Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

// Full, it was set already.
void set_event(int event) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event, &one, sizeof(one));
}

void clear_event(int event) {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event, &count, sizeof(count));
}

}  // namespace lp::base
