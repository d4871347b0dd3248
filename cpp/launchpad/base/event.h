// An event: a descriptor (eventfd) that is readable from set_event on, until clear_event.
#pragma once

#include "launchpad/base/fd.h"

namespace lp::base {

// Not valid: the system had no descriptors left; errno says so.
Fd make_event();
// Any thread, a signal's handler, too.
void set_event(int event);
void clear_event(int event);

}  // namespace lp::base
