#include "launchpad/base/guarded.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace lp::base {
namespace {

TEST(Guarded, LetsOneThreadInAtATime) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 1000;
  Guarded<int> count(0);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) count.with([](int& value) { ++value; });
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count.with([](int& value) { return value; }), kThreads * kRounds);
}

TEST(Guarded, WaitReturnsWhenAnotherThreadMakesThePredicateTrue) {
  Guarded<bool> open(false);
  std::thread opener([&] { open.with_notify([](bool& value) { value = true; }); });
  const bool ready = open.wait(
      std::nullopt, [](bool value) { return value; },
      [](bool&, bool is_ready) { return is_ready; });
  opener.join();
  EXPECT_TRUE(ready);
}

TEST(Guarded, WaitSaysThatTheDeadlinePassed) {
  Guarded<bool> open(false);
  const auto long_ago = std::chrono::steady_clock::time_point{};
  const bool ready = open.wait(
      long_ago, [](bool value) { return value; }, [](bool&, bool is_ready) { return is_ready; });
  EXPECT_FALSE(ready);
}

TEST(Guarded, OfAConstValueCanBeRead) {
  const Guarded<std::vector<int>> numbers(std::vector<int>{1, 2});
  EXPECT_EQ(numbers.with([](const std::vector<int>& value) { return value.size(); }), 2u);
}

}  // namespace
}  // namespace lp::base
