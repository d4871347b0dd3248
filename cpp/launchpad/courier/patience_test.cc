#include "launchpad/courier/patience.h"

#include <gtest/gtest.h>

namespace lp::courier {
namespace {

constexpr base::Nanos kLimit{100};

class TickingClock final : public base::Clock {
 public:
  base::TimePoint now() const override { return base::TimePoint(base::Nanos(nanos_ += step)); }
  int64_t step = 10;  // Of each look at it.

 private:
  mutable int64_t nanos_ = 0;
};

bool never() { return false; }

// How often it is not ready before it is.
int left_out(Patience& patience) {
  int times = 0;
  while (!patience.ready()) ++times;
  return times;
}

class PatienceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "it never waits on a single core";
  }
  TickingClock clock;
  Patience patience{kLimit, clock};
};

TEST_F(PatienceTest, LooksUntilItFindsAndNoLongerThanItsLimit) {
  int looks = 0;
  EXPECT_TRUE(patience.wait([&] { return ++looks == 3; }));
  EXPECT_EQ(looks, 3);
  looks = 0;
  EXPECT_FALSE(patience.wait([&] { return ++looks > 1000; }));
  EXPECT_EQ(looks, 10);
}

TEST_F(PatienceTest, AFewLossesAreForgivenAndMoreLeaveItOutForLongerAndLonger) {
  for (uint32_t i = 1; i < Patience::kForgiven; ++i) {
    patience.wait(never);
    EXPECT_EQ(left_out(patience), 0) << i;
  }
  int before = 0;
  for (uint32_t i = 0; i < Patience::kMaxDoublings; ++i) {
    patience.wait(never);
    const int now = left_out(patience);
    EXPECT_GT(now, before) << i;
    before = now;
  }
  for (int i = 0; i < 3; ++i) patience.wait(never);
  EXPECT_EQ(left_out(patience), 4 << Patience::kMaxDoublings);
}

TEST_F(PatienceTest, OneWinMakesUpForAllLosses) {
  for (int i = 0; i < 8; ++i) patience.wait(never);
  left_out(patience);
  EXPECT_TRUE(patience.wait([] { return true; }));
  patience.wait(never);
  EXPECT_EQ(left_out(patience), 0);
}

TEST_F(PatienceTest, WhatIsFoundAfterTheCoreWasTakenAwayIsLost) {
  clock.step = 1000;
  for (uint32_t i = 0; i < Patience::kForgiven; ++i) {
    EXPECT_TRUE(patience.wait([] { return true; }));
  }
  EXPECT_GT(left_out(patience), 0);
}

}  // namespace
}  // namespace lp::courier
