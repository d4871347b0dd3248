// Timer is a descriptor that becomes readable after a delay, for whoever waits in a poller:
// timerfd_create(2). Any thread.
#pragma once

#include "launchpad/base/clock.h"
#include "launchpad/base/fd.h"

namespace lp::base {

class Timer {
 public:
  // Invalid if the system has no descriptor left.
  Timer();

  bool valid() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  // Once, so long from now, at once if that is not positive; instead of what was set before.
  void set(Nanos delay);
  // After it went off: it is not readable any more.
  void drain();

 private:
  Fd fd_;
};

}  // namespace lp::base
