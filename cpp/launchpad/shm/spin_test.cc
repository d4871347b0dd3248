#include "launchpad/shm/spin.h"

#include <gtest/gtest.h>

namespace lp::shm {
namespace {

void pass(base::Nanos time) {
  const base::TimePoint end = base::steady_clock().now() + time;
  while (base::steady_clock().now() < end) {
  }
}

// How often it looks for what does not come.
int looks_of(Spin& spin) {
  int looks = 0;
  spin.until(0, [&] { return ++looks < 0; });
  return looks;
}

TEST(Spin, FindsWhatComesWhileItLooks) {
  if (!Spin::helps(0)) GTEST_SKIP() << "there is one core only";
  Spin spin;
  int looks = 0;
  EXPECT_TRUE(spin.until(0, [&] { return ++looks == 50; }));
  EXPECT_EQ(looks, 50);
}

TEST(Spin, DoesNotLookWhileOthersKeepItsCoreBusy) {
  if (!Spin::helps(0)) GTEST_SKIP() << "there is one core only";
  Spin spin;
  base::TimePoint before;
  for (int lost = 0; lost < 2;) {
    int looks = 0;
    before = base::steady_clock().now();
    spin.until(0, [&] {
      // The core is somebody else's for a few turns.
      if (++looks == 2) pass(3 * kSpinTurn);
      return false;
    });
    if (looks > 1) ++lost;
  }
  // It pauses for six times as long, so that a busy machine does not fail this.
  while (base::steady_clock().now() < before + kNextPause / 2 * kSpinTurn) {
    ASSERT_EQ(looks_of(spin), 1);
  }
  while (looks_of(spin) == 1) {
  }
}

}  // namespace
}  // namespace lp::shm
