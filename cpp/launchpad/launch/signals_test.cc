#include "launchpad/launch/signals.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <vector>

namespace lp::launching {
namespace {

// What the process does at SIGINT, SIGTERM and SIGQUIT is as before when a test ends.
class SignalsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const int number : {SIGINT, SIGTERM, SIGQUIT}) ::signal(number, SIG_DFL);
  }
  void TearDown() override { SetUp(); }

  static auto handler(int number) {
    struct sigaction action {};
    ::sigaction(number, nullptr, &action);
    return action.sa_handler;
  }
};

void of_the_user(int) {}

TEST_F(SignalsTest, ComeOneByOneWhileTheRunIsWaitedFor) {
  Signals signals;
  signals.begin();
  ::raise(SIGINT);
  ::raise(SIGQUIT);
  EXPECT_EQ(signals.read_number(), SIGINT);
  EXPECT_EQ(signals.read_number(), SIGQUIT);
  EXPECT_EQ(signals.read_number(), 0);
  signals.end();
}

TEST_F(SignalsTest, ReachEveryRunThatIsWaitedForAndNoOther) {
  Signals one, two, idle;
  one.begin();
  two.begin();
  ::raise(SIGTERM);
  EXPECT_EQ(one.read_number(), SIGTERM);
  EXPECT_EQ(two.read_number(), SIGTERM);
  EXPECT_EQ(idle.read_number(), 0);
  one.end();
  ::raise(SIGTERM);
  EXPECT_EQ(one.read_number(), 0);
  EXPECT_EQ(two.read_number(), SIGTERM);
  two.end();
}

TEST_F(SignalsTest, GiveTheHandlersBackAfterTheLastWait) {
  ::signal(SIGINT, of_the_user);
  Signals signals;
  signals.begin();
  signals.begin();
  EXPECT_NE(handler(SIGINT), of_the_user);
  signals.end();
  EXPECT_NE(handler(SIGINT), of_the_user);
  signals.end();
  EXPECT_EQ(handler(SIGINT), of_the_user);
  EXPECT_EQ(handler(SIGTERM), SIG_DFL);
}

TEST_F(SignalsTest, LeaveAloneWhatSomebodyElseSetMeanwhile) {
  Signals signals;
  signals.begin();
  ::signal(SIGINT, of_the_user);
  signals.end();
  EXPECT_EQ(handler(SIGINT), of_the_user);
}

TEST_F(SignalsTest, WhatIsIgnoredStaysIgnored) {
  ::signal(SIGINT, SIG_IGN);
  Signals signals;
  signals.begin();
  EXPECT_EQ(handler(SIGINT), SIG_IGN);
  signals.end();
  EXPECT_EQ(handler(SIGINT), SIG_IGN);
}

TEST_F(SignalsTest, ANewRunDoesNotHearWhatCameForTheOneBefore) {
  {
    Signals before;
    before.begin();
    ::raise(SIGINT);
    before.end();
  }
  Signals signals;
  EXPECT_EQ(signals.read_number(), 0);
}

TEST_F(SignalsTest, ManyRunsMayBeWaitedForAndOneTooManyHearsNothing) {
  std::vector<std::unique_ptr<Signals>> all;
  while (all.size() < 200 && (all.empty() || all.back()->fd() >= 0)) {
    all.push_back(std::make_unique<Signals>());
    all.back()->begin();
  }
  EXPECT_LT(all.size(), 200u);
  EXPECT_EQ(all.back()->read_number(), 0);
  ::raise(SIGINT);
  all.back()->end();
  all.pop_back();
  for (const auto& signals : all) {
    EXPECT_EQ(signals->read_number(), SIGINT);
    signals->end();
  }
  EXPECT_EQ(handler(SIGINT), SIG_DFL);
}

}  // namespace
}  // namespace lp::launching
