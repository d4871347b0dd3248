#include "launchpad/courier/running.h"

namespace lp::courier {

// Whoever ends something after this sees that it has to tell; what ended before is counted here.
void Running::wait(int few, const base::Deadline& deadline) {
  state_.fetch_or(kWatched, std::memory_order_acq_rel);
  changed_.wait(
      deadline.at(), [&](Nothing&) { return count() <= few; }, [](Nothing&, bool) {});
}

void Running::tell() {
  changed_.with_notify([](Nothing&) {});
}

}  // namespace lp::courier
