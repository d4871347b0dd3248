#include "launchpad/courier/reactor.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

namespace lp::courier {
namespace {

// A reactor with one connection that is rings. A thread remembers what it said to one, so that each
// test has a thread of its own.
class ReactorTest : public testing::Test {
 protected:
  void SetUp() override {
    number_ = reactor_.enter({}).value();
    reactor_.doorbell()->ask_for_poke();
  }

  // Whether who rings must wake somebody.
  bool wakes() {
    const bool pokes = reactor_.doorbell()->ring(number_, true);
    reactor_.doorbell()->take();
    reactor_.doorbell()->ask_for_poke();
    return pokes;
  }

  static void on_a_thread(const std::function<void()>& test) { std::thread(test).join(); }

  Reactor reactor_;
  uint32_t number_ = 0;
};

TEST_F(ReactorTest, WhoRingsWakesNobodyWhileAThreadIsExpected) {
  on_a_thread([&] {
    EXPECT_TRUE(wakes());
    reactor_.expect();
    EXPECT_FALSE(wakes());
    reactor_.unexpect();
    EXPECT_TRUE(wakes());
  });
}

TEST_F(ReactorTest, WhoRingsWakesNobodyWhileAThreadHasPromisedToLook) {
  on_a_thread([&] {
    reactor_.run_on();
    EXPECT_FALSE(wakes());
    reactor_.break_promise();
    EXPECT_TRUE(wakes());
  });
}

// It was expected, then ran calls that were read together, and one of these takes long.
TEST_F(ReactorTest, AThreadThatGoesAwayIsNotCountedOnWhateverItSaidBefore) {
  on_a_thread([&] {
    reactor_.expect();
    reactor_.run_on();
    reactor_.run_on();
    EXPECT_TRUE(reactor_.goes_on());
    reactor_.unexpect();
    EXPECT_FALSE(wakes());
    reactor_.break_promise();
    EXPECT_TRUE(wakes());
  });
}

}  // namespace
}  // namespace lp::courier
