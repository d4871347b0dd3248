#include "launchpad/base/idle.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <new>
#include <vector>

namespace lp::base {
namespace {

TEST(SizeClass, IsAtMostAnEighthMoreThanWholeUnits) {
  EXPECT_EQ(size_class(0, 64), 64u);
  EXPECT_EQ(size_class(65, 64), 128u);
  EXPECT_EQ(size_class(1025, 64), 1152u);
  volatile size_t most = std::numeric_limits<size_t>::max();
  EXPECT_THROW(size_class(most, 64), std::bad_alloc);
}

TEST(Idle, GivesBackWhatCameLastOfExactlyThatSize) {
  Idle<int> idle(100, 10);
  std::vector<int> dropped;
  idle.give(10, 1, dropped);
  idle.give(20, 2, dropped);
  idle.give(10, 3, dropped);
  EXPECT_EQ(idle.bytes(), 40u);
  EXPECT_EQ(idle.take(15), std::nullopt);
  EXPECT_EQ(idle.take(10), 3);
  EXPECT_EQ(idle.take(10), 1);
  EXPECT_EQ(idle.take(10), std::nullopt);
  EXPECT_EQ(idle.bytes(), 20u);
  EXPECT_TRUE(dropped.empty());
}

TEST(Idle, BeyondItsBytesTheOldestGoWhateverTheirSize) {
  Idle<int> idle(100, 10);
  std::vector<int> dropped;
  idle.give(60, 1, dropped);
  idle.give(10, 2, dropped);
  idle.give(30, 3, dropped);
  EXPECT_TRUE(dropped.empty());
  idle.give(50, 4, dropped);
  EXPECT_EQ(dropped, std::vector<int>{1});
  EXPECT_EQ(idle.bytes(), 90u);
}

TEST(Idle, BeyondItsNumberTheOldestGo) {
  Idle<int> idle(100, 2);
  std::vector<int> dropped;
  for (int i = 0; i < 4; ++i) idle.give(1, i, dropped);
  EXPECT_EQ(dropped, (std::vector<int>{0, 1}));
  EXPECT_EQ(idle.count(), 2u);
}

TEST(Idle, WhatIsLargerThanAllItMayKeepDropsNothingElse) {
  Idle<std::unique_ptr<int>> idle(100, 2);
  std::vector<std::unique_ptr<int>> dropped;
  idle.give(100, std::make_unique<int>(1), dropped);
  idle.give(101, std::make_unique<int>(2), dropped);
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(*dropped[0], 2);
  idle.drop_all(dropped);
  EXPECT_EQ(dropped.size(), 2u);
  EXPECT_EQ(idle.bytes(), 0u);
}

}  // namespace
}  // namespace lp::base
