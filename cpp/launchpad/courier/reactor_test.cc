#include "launchpad/courier/reactor.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>

namespace lp::courier {
namespace {

// A client that sleeps until it is woken.
struct Sleeper : LineClient {
  bool wake() override { return woken = true; }
  void ask_to_rest(shm::Rest) override {}
  uint32_t core() const override { return 0; }
  bool woken = false;
};

// A reactor with connections that are rings, all but one of them ended. A thread remembers what it
// said to one, so that each test has a thread of its own.
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

  // Two ring; the calling thread hears of one.
  void hear_of_one_of_two() {
    const uint32_t other = number_ + 1;
    for (const uint32_t number : {number_, other})
      [[maybe_unused]] const bool pokes = reactor_.doorbell()->ring(number, true);
    reactor_.look();
    reactor_.doorbell()->ask_for_poke();
  }

  // As many as there are cores for are woken at once; the next one waits.
  std::shared_ptr<Sleeper> fill_line() {
    while (true) {
      auto sleeper = std::make_shared<Sleeper>();
      reactor_.called(*sleeper);
      if (reactor_.stand_in_line(sleeper)) return sleeper;
    }
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

TEST_F(ReactorTest, WhoHearsOfOneRingOfSeveralPromisesToLookForTheRest) {
  on_a_thread([&] {
    hear_of_one_of_two();
    EXPECT_TRUE(reactor_.promised_here());
    EXPECT_FALSE(wakes()) << "and takes the other";
    reactor_.break_promise();
    EXPECT_FALSE(reactor_.promised());
    EXPECT_TRUE(wakes());
  });
}

// It reads what the client has sent, and the client may go on sending.
TEST_F(ReactorTest, WhoHasHeardOfTheLastRingIsExpectedUntilItRunsACall) {
  on_a_thread([&] {
    hear_of_one_of_two();
    reactor_.look();
    EXPECT_FALSE(reactor_.promised());
    EXPECT_FALSE(wakes());
    reactor_.unexpect();
    EXPECT_TRUE(wakes());
  });
}

TEST_F(ReactorTest, NobodyPromisesWhereOtherThreadsAreAlwaysWanted) {
  reactor_.promise_no_more();
  on_a_thread([&] {
    hear_of_one_of_two();
    EXPECT_FALSE(reactor_.promised());
    reactor_.run_on();
    EXPECT_FALSE(reactor_.promised());
  });
}

TEST_F(ReactorTest, NoThreadPromisesToLookOnceTurnsTakeLong) {
  on_a_thread([&] {
    for (int turn = 0; turn < 8; ++turn) {
      hear_of_one_of_two();
      const auto soon = base::Deadline::after(base::Nanos(100'000));
      while (!soon.passed()) continue;
    }
    EXPECT_FALSE(reactor_.promised());
  });
}

TEST_F(ReactorTest, WhoLooksWakesThoseWhoWaitInLine) {
  on_a_thread([&] {
    const auto last = fill_line();
    EXPECT_FALSE(last->woken);
    reactor_.look();
    EXPECT_TRUE(last->woken);
    EXPECT_FALSE(reactor_.wake_line().waits());
  });
}

TEST_F(ReactorTest, WhoHearsOfARingWhileOthersWaitInLinePromisesToLookForThem) {
  on_a_thread([&] {
    const auto last = fill_line();
    [[maybe_unused]] const bool pokes = reactor_.doorbell()->ring(number_, true);
    reactor_.look();
    EXPECT_TRUE(reactor_.promised_here());
    EXPECT_FALSE(last->woken);
    reactor_.break_promise();
  });
}

TEST_F(ReactorTest, NobodyWaitsInLineAfterTheEnd) {
  on_a_thread([&] {
    const auto last = fill_line();
    reactor_.end();
    EXPECT_TRUE(last->woken);
    EXPECT_FALSE(reactor_.stand_in_line(last));
    EXPECT_FALSE(reactor_.wake_line().waits());
  });
}

}  // namespace
}  // namespace lp::courier
