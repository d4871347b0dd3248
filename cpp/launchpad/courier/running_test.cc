#include "launchpad/courier/running.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace lp::courier {
namespace {

TEST(Running, NothingBeginsOnceItIsClosed) {
  Running running;
  EXPECT_TRUE(running.begin());
  running.close();
  EXPECT_FALSE(running.begin());
  EXPECT_EQ(running.count(), 1);
  running.end();
  EXPECT_EQ(running.count(), 0);
}

TEST(Running, WhatRunsHearsThatNothingMoreBegins) {
  Running running;
  ASSERT_TRUE(running.begin());
  EXPECT_FALSE(running.closed());
  running.close();
  EXPECT_TRUE(running.closed());
  running.end();
  EXPECT_TRUE(running.closed());
}

TEST(Running, WaitsUntilFewEnoughRun) {
  Running running;
  ASSERT_TRUE(running.begin());
  ASSERT_TRUE(running.begin());
  std::thread other([&] { running.end(); });
  running.wait(1, base::Deadline());
  EXPECT_EQ(running.count(), 1);
  other.join();
  running.wait(0, base::Deadline::after(base::Nanos(1'000'000)));
  EXPECT_EQ(running.count(), 1);
}

TEST(Running, EveryEndIsHeardOfWhileManyBeginAndEnd) {
  for (int round = 0; round < 200; ++round) {
    Running running;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        while (running.begin()) running.end();
      });
    }
    while (running.count() == 0) std::this_thread::yield();
    running.close();
    running.wait(0, base::Deadline());
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(running.count(), 0);
  }
}

}  // namespace
}  // namespace lp::courier
