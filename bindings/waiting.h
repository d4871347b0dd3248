// Waiting in C++ on behalf of Python: without the GIL, and so that Ctrl-C is heard. With the GIL on
// entry.
#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <optional>

#include "bindings/gil.h"
#include "launchpad/base/clock.h"

namespace lp::bindings {

namespace nb = nanobind;

// How often a waiting main thread looks for signals: at first, and once it waits for long.
inline constexpr base::Nanos kSignalTick{250'000'000};
inline constexpr base::Nanos kLongestSignalTick{1'000'000'000};

// Not less than none, and not more than can be waited for.
inline base::Nanos to_nanos(double seconds) {
  if (!(seconds > 0)) return base::Nanos(0);  // NaN, too.
  return base::Nanos(static_cast<int64_t>(std::min(seconds * 1e9, 4e18)));
}

inline base::Deadline to_deadline(const std::optional<double>& seconds) {
  return seconds ? base::Deadline::after(to_nanos(*seconds)) : base::Deadline();
}

// Asked by waiting channels at every tick: true if Python wants to raise (KeyboardInterrupt, say);
// it is set then.
inline bool python_wants_to_raise() {
  const PythonEntry python;
  return python.ok() && PyErr_CheckSignals() != 0;
}

// Calls wait(tick) -> bool until it says true or `deadline` passes. Raises what a signal handler
// raises.
template <class Wait>
bool wait_heeding_signals(const base::Deadline& deadline, Wait&& wait) {
  for (base::Nanos tick = kSignalTick;; tick = std::min(2 * tick, kLongestSignalTick)) {
    bool done = false;
    {
      const GilReleased released;
      done = wait(base::Deadline::after(deadline.never() ? tick : std::min(tick, deadline.left())));
    }
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (done || deadline.passed()) return done;
  }
}

// The same for what may last: until `fd` is readable, without a tick. Idle processes may be many.
bool wait_readable(int fd, const base::Deadline& deadline);

}  // namespace lp::bindings
