#include "launchpad/shm/spin.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

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
  spin.until([&] { return ++looks < 0; });
  return looks;
}

// It finds what comes at the second look, if it takes one.
bool find(Spin& spin) {
  int looks = 0;
  return spin.until([&] { return ++looks == 2; });
}

// It looks for what does not come, and its core is somebody else's for `turns` turns meanwhile.
// When that began; nothing: it did not look.
std::optional<base::TimePoint> lose(Spin& spin, int turns) {
  int looks = 0;
  const int timed = spin.crowded() ? 3 : 2;  // Look.
  const base::TimePoint before = base::steady_clock().now();
  spin.until([&] {
    if (++looks == timed) pass(turns * kSpinTurn);
    return false;
  });
  return looks > 1 ? std::optional(before) : std::nullopt;
}

TEST(Spin, FindsWhatComesWhileItLooks) {
  Spin spin;
  int looks = 0;
  EXPECT_TRUE(spin.until([&] { return ++looks == 50; }));
  EXPECT_EQ(looks, 50);
}

TEST(Spin, DoesNotLookWhileOthersKeepItsCoreBusy) {
  Spin spin;
  constexpr int kTurns = 3;
  static_assert(kTurns * kSpinTurn > kLongestTurn);
  std::optional<base::TimePoint> last;
  for (base::Nanos lost{0}; lost <= kMostCredit; lost += kLongestTurn) {
    last = lose(spin, kTurns);
    ASSERT_TRUE(last) << "it gave up early";
  }
  // It pauses for more than twice as long, so that a busy machine does not fail this.
  while (base::steady_clock().now() < *last + kSpinPause * kSpinTurn) {
    ASSERT_EQ(looks_of(spin), 1);
  }
  while (looks_of(spin) == 1) {
  }
  // It has no credit any more.
  ASSERT_TRUE(lose(spin, kTurns));
  EXPECT_EQ(looks_of(spin), 1);
}

TEST(Spin, WhatItFindsMakesUpForTurnsThatItLoses) {
  Spin spin;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(lose(spin, 2)) << "gave up after " << i;
    // More than was lost, on a machine that is not too busy.
    for (base::Nanos saved{0}; saved <= 4 * kSpinTurn; saved += kSpinSaves) {
      find(spin);
    }
  }
}

TEST(Spin, TurnsThatManyShareAreNotLost) {
  constexpr long kTurns = 2;
  static long running = 0;
  running = kTurns * kSpinTurn / kQuickTurn * base::processors();
  // For much longer than the turn that this test means: the machine may be busy.
  Spin spin(+[] { return 100 * running; });
  for (base::Nanos away{0}; away <= 3 * kMostCredit; away += kTurns * kSpinTurn) {
    ASSERT_TRUE(lose(spin, kTurns));
    ASSERT_TRUE(find(spin));
  }
}

TEST(Spin, CountsThemAgainOnlyWhereATurnSeemsLost) {
  constexpr long kTurns = 2;
  static long running = 0;
  static int counted = 0;
  Spin spin(+[] {
    ++counted;
    return running;
  });
  ASSERT_TRUE(lose(spin, kTurns));  // Alone.
  running = 100 * kTurns * kSpinTurn / kQuickTurn * base::processors();
  const base::TimePoint start = base::steady_clock().now();
  int turns = 0;
  for (base::Nanos away{0}; away <= 3 * kMostCredit; away += kTurns * kSpinTurn) {
    ASSERT_TRUE(lose(spin, kTurns)) << "believed for too long that it is alone";
    ASSERT_TRUE(find(spin));
    ++turns;
  }
  EXPECT_GE(counted, 2);
  EXPECT_LE(counted, 3 + (base::steady_clock().now() - start) / kCountKept) << turns << " turns";
}

TEST(Spin, AMachineThatStoodStillOnceCostsLittle) {
  Spin spin;
  ASSERT_TRUE(lose(spin, 40));
  EXPECT_TRUE(lose(spin, 2));
}

TEST(Spin, LooksOnceBetweenTurnsOnACoreThatOthersWant) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
  Spin spin;
  {
    std::atomic<bool> enough{false};
    std::jthread other([&] {
      while (!enough) ::sched_yield();
    });
    // The other thread may not run yet.
    while (!spin.crowded()) looks_of(spin);
    enough = true;
  }
  // Nobody else wants it any more, unless the machine is busy.
  while (spin.crowded()) looks_of(spin);
  EXPECT_EQ(::sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace lp::shm
