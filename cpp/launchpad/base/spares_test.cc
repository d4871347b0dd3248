#include "launchpad/base/spares.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace lp::base {
namespace {

// Each test has things of a kind of its own, since what a thread keeps stays.
template <int kTest>
struct Thing {
  std::unique_ptr<int> number;
};
template <int kTest>
Thing<kTest> thing(int number) {
  return {std::make_unique<int>(number)};
}

TEST(Spares, GiveTheLastOneFirstAndNoneTwice) {
  using Things = Spares<Thing<1>>;
  EXPECT_FALSE(Things::take());
  EXPECT_TRUE(Things::give(thing<1>(1), 10));
  EXPECT_TRUE(Things::give(thing<1>(2), 10));
  EXPECT_EQ(*Things::take()->number, 2);
  EXPECT_EQ(*Things::take()->number, 1);
  EXPECT_FALSE(Things::take());
}

TEST(Spares, LeaveBeyondTheirLimitToWhoeverGives) {
  using Things = Spares<Thing<2>>;
  EXPECT_TRUE(Things::give(thing<2>(1), 1));
  Thing<2> other = thing<2>(2);
  EXPECT_FALSE(Things::give(std::move(other), 1));
  ASSERT_NE(other.number, nullptr);
  EXPECT_EQ(*other.number, 2);
}

TEST(Spares, AreAThreadsOwn) {
  using Things = Spares<Thing<3>>;
  EXPECT_TRUE(Things::give(thing<3>(1), 10));
  std::thread([] {
    EXPECT_FALSE(Things::take());
    EXPECT_TRUE(Things::give(thing<3>(2), 10));
  }).join();
  EXPECT_EQ(*Things::take()->number, 1);
}

// Given by the destructor of an object that the thread made before its first spare: later than what
// the thread had kept.
TEST(Spares, AreNotKeptAtTheEndOfTheirThread) {
  using Things = Spares<Thing<4>>;
  struct Last {
    Thing<4> kept = thing<4>(1);
    ~Last() {
      EXPECT_FALSE(Things::take());
      EXPECT_FALSE(Things::give(std::move(kept), 10));
    }
  };
  std::thread([] {
    thread_local Last last;
    EXPECT_EQ(*last.kept.number, 1);
    EXPECT_TRUE(Things::give(thing<4>(2), 10));
  }).join();
}

}  // namespace
}  // namespace lp::base
