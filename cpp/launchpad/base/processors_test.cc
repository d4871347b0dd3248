#include "launchpad/base/processors.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace lp::base {
namespace {

TEST(Processors, OneAtLeastAndOneThreadThatRuns) {
  EXPECT_GE(processors(), 1);
  EXPECT_GE(running_threads(), 1);
}

TEST(Processors, ThreadsThatWaitForOneAreCounted) {
  constexpr int kBusy = 20;
  std::atomic<bool> ended{false};
  std::vector<std::thread> busy;
  for (int i = 0; i < kBusy; ++i) {
    busy.emplace_back([&] {
      while (!ended.load()) {
      }
    });
  }
  while (running_threads() < kBusy) {
  }
  ended.store(true);
  for (std::thread& thread : busy) thread.join();
}

}  // namespace
}  // namespace lp::base
