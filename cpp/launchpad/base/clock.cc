#include "launchpad/base/clock.h"

#include <algorithm>
#include <limits>

namespace lp::base {

const Clock& steady_clock() {
  static const Clock& clock = *new Clock;  // Detached threads read it while the process ends.
  return clock;
}

Deadline Deadline::after(Nanos duration, const Clock& clock) {
  const TimePoint now = clock.now();
  // A duration beyond the clock's range means "never".
  if (duration > TimePoint::max() - now) return Deadline();
  return Deadline(now + duration);
}

Nanos Deadline::left(const Clock& clock) const {
  return std::max(Nanos(0), std::chrono::duration_cast<Nanos>(*at_ - clock.now()));
}

int Deadline::poll_timeout(const Clock& clock) const {
  if (never()) return -1;
  const auto left_ms = (left(clock).count() + 999'999) / 1'000'000;
  return static_cast<int>(std::min<int64_t>(left_ms, std::numeric_limits<int>::max()));
}

}  // namespace lp::base
