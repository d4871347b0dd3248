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

}  // namespace lp::base
