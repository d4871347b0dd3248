#include "launchpad/base/timer.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace lp::base {
namespace {

bool readable(const Timer& timer, int patience_ms) {
  pollfd entry{timer.fd(), POLLIN, 0};
  return ::poll(&entry, 1, patience_ms) == 1;
}

TEST(Timer, GoesOffOnceAfterItsDelayAndNotBefore) {
  Timer timer;
  ASSERT_TRUE(timer.valid());
  EXPECT_FALSE(readable(timer, 0));
  const auto start = steady_clock().now();
  timer.set(Nanos(2'000'000));
  EXPECT_TRUE(readable(timer, 20'000));
  EXPECT_GE(steady_clock().now() - start, Nanos(2'000'000));
  timer.drain();
  EXPECT_FALSE(readable(timer, 0));
}

TEST(Timer, GoesOffAtOnceForADelayThatIsOver) {
  Timer timer;
  timer.set(Nanos(-5));
  EXPECT_TRUE(readable(timer, 20'000));
}

TEST(Timer, SettingItAgainReplacesWhatWasSet) {
  Timer timer;
  timer.set(Nanos(1));
  EXPECT_TRUE(readable(timer, 20'000));
  timer.set(std::chrono::hours(1));
  EXPECT_FALSE(readable(timer, 0));
}

}  // namespace
}  // namespace lp::base
