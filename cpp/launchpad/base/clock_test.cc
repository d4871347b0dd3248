#include "launchpad/base/clock.h"

#include <gtest/gtest.h>

namespace lp::base {
namespace {

using std::chrono::milliseconds;

// A clock that stands still until the test moves it.
class ManualClock : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void advance(Nanos by) { now_ += by; }

 private:
  TimePoint now_{milliseconds(1000)};
};

TEST(Deadline, ByDefaultNeverPasses) {
  const Deadline deadline;
  EXPECT_TRUE(deadline.never());
  EXPECT_FALSE(deadline.passed());
  EXPECT_EQ(deadline.poll_timeout(), -1);
}

TEST(Deadline, PassesAtItsPointAndNotBefore) {
  ManualClock clock;
  const Deadline deadline = Deadline::after(milliseconds(5), clock);
  clock.advance(milliseconds(5) - Nanos(1));
  EXPECT_FALSE(deadline.passed(clock));
  clock.advance(Nanos(1));
  EXPECT_TRUE(deadline.passed(clock));
}

TEST(Deadline, HasNoLessThanNothingLeft) {
  ManualClock clock;
  const Deadline deadline = Deadline::after(milliseconds(5), clock);
  EXPECT_EQ(deadline.left(clock), milliseconds(5));
  clock.advance(milliseconds(7));
  EXPECT_EQ(deadline.left(clock), Nanos(0));
}

TEST(Deadline, RoundsThePollTimeoutUpSoThatAPollNeverReturnsTooEarly) {
  ManualClock clock;
  EXPECT_EQ(Deadline::after(Nanos(1), clock).poll_timeout(clock), 1);
  EXPECT_EQ(Deadline::after(milliseconds(2), clock).poll_timeout(clock), 2);
  EXPECT_EQ(Deadline::after(Nanos(0), clock).poll_timeout(clock), 0);
}

TEST(Deadline, ThatOverflowsTheClockNeverPasses) {
  EXPECT_TRUE(Deadline::after(Nanos::max()).never());
}

TEST(Clock, OfTheProcessDoesNotRunBackwards) {
  const TimePoint first = steady_clock().now();
  EXPECT_LE(first, steady_clock().now());
}

}  // namespace
}  // namespace lp::base
