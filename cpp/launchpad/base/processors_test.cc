#include "launchpad/base/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

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

// Where the calling thread may run; a thread that is given back what it had at the end.
class ChangeCore : public testing::Test {
 protected:
  void SetUp() override { before_ = set(); }
  void TearDown() override { use(before_); }

  static cpu_set_t set() {
    cpu_set_t set;
    EXPECT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
    return set;
  }
  static void use(const cpu_set_t& set) { EXPECT_EQ(::sched_setaffinity(0, sizeof(set), &set), 0); }
  static cpu_set_t only(const std::vector<int>& cores) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : cores) CPU_SET(core, &set);
    return set;
  }
  std::vector<int> cores() const {
    std::vector<int> cores;
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &before_)) cores.push_back(core);
    }
    return cores;
  }

  cpu_set_t before_;
};

TEST_F(ChangeCore, MovesTheThreadAndLeavesItAllThatItHad) {
  if (cores().size() < 2) {
    EXPECT_FALSE(change_core());
    return;
  }
  // The system may move it back before it is looked at.
  bool moved = false;
  while (!moved) {
    const int core = ::sched_getcpu();
    ASSERT_TRUE(change_core());
    moved = ::sched_getcpu() != core;
    const cpu_set_t now = set();
    ASSERT_TRUE(CPU_EQUAL(&now, &before_));
  }
}

TEST_F(ChangeCore, KeepsToTheCoresThatSomebodyChoseForTheThread) {
  if (cores().size() < 2) return;
  const cpu_set_t chosen = only({cores()[0], cores()[1]});
  use(chosen);
  EXPECT_TRUE(change_core());
  const cpu_set_t now = set();
  EXPECT_TRUE(CPU_EQUAL(&now, &chosen));
  EXPECT_EQ(usable_processors(), 2);
}

TEST_F(ChangeCore, StaysWhereThereIsNoOther) {
  use(only({cores()[0]}));
  EXPECT_FALSE(change_core());
  EXPECT_EQ(usable_processors(), 1);
  EXPECT_EQ(::sched_getcpu(), cores()[0]);
}

}  // namespace
}  // namespace lp::base
