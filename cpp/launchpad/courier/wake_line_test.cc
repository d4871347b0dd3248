#include "launchpad/courier/wake_line.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace lp::courier {
namespace {

struct Client : LineClient {
  bool wake() override {
    ++wakes;
    return sleeps;
  }
  void ask_to_rest(shm::Rest asked) override { rest = asked; }
  uint32_t core() const override { return slept_on; }

  int wakes = 0;
  bool sleeps = true;
  shm::Rest rest = shm::Rest::kNo;
  uint32_t slept_on = 1;
};

// The server's thread runs on core 0, of a machine where one client can run beside it.
class WakeLineTest : public testing::Test {
 protected:
  struct Clock : base::Clock {
    base::TimePoint now() const override { return time; }
    base::TimePoint time{std::chrono::hours(1)};
  };

  static std::shared_ptr<Client> make_client(uint32_t core = 1) {
    auto client = std::make_shared<Client>();
    client->slept_on = core;
    return client;
  }
  // One that has called: it has the core if nobody else has, and may sleep until it is answered.
  std::shared_ptr<Client> caller(uint32_t core = 1) {
    auto client = make_client(core);
    line_.called(*client);
    return client;
  }
  void pass(base::Nanos time) { clock_.time += time; }
  // It calls until it is told to sleep, or so often; how often it did.
  int call(Client& client, int calls, base::Nanos each) {
    client.rest = shm::Rest::kNo;
    for (int i = 0; i < calls; ++i) {
      pass(each);
      line_.called(client);
      if (client.rest == shm::Rest::kYes) return i + 1;
    }
    return calls;
  }

  Clock clock_;
  WakeLine line_{{.cores = 1, .core = [] { return uint32_t{0}; }, .clock = clock_}};
};

TEST_F(WakeLineTest, WhoSleepsWhileNobodyHasItsCoreIsWokenAtOnce) {
  const auto client = caller();
  for (int call = 0; call < 3; ++call) {
    EXPECT_FALSE(line_.join(client));
    line_.called(*client);
  }
  EXPECT_FALSE(line_.waits());
}

TEST_F(WakeLineTest, WhoSleepsWhileAnotherHasTheCoreIsWokenInItsTurn) {
  const auto holder = caller();
  const auto first = caller();
  const auto second = caller();
  EXPECT_TRUE(line_.join(first));
  EXPECT_TRUE(line_.join(first)) << "it stands there once";
  EXPECT_TRUE(line_.join(second));
  EXPECT_EQ(first->wakes, 0);
  EXPECT_TRUE(line_.next());
  EXPECT_EQ(first->wakes, 1);
  EXPECT_EQ(second->wakes, 0);
  EXPECT_TRUE(line_.next());
  EXPECT_EQ(second->wakes, 1);
  EXPECT_FALSE(line_.next());
}

TEST_F(WakeLineTest, NobodyOvertakesThoseWhoWait) {
  const auto holder = caller();
  const auto first = caller();
  EXPECT_TRUE(line_.join(first));
  EXPECT_TRUE(line_.join(holder)) << "it sleeps too, and the core idles, but others were before it";
  EXPECT_TRUE(line_.next());
  EXPECT_EQ(first->wakes, 1);
}

TEST_F(WakeLineTest, WhoFindsNoCoreIsAskedToSleepIfOthersNeedIts) {
  const auto holder = caller();
  const auto other = caller();
  EXPECT_EQ(holder->rest, shm::Rest::kNo);
  EXPECT_EQ(other->rest, shm::Rest::kIfCrowded) << "it may have one that nobody else wants";
  EXPECT_TRUE(line_.join(caller()));
  EXPECT_EQ(caller()->rest, shm::Rest::kYes) << "others sleep for want of a core";
}

TEST_F(WakeLineTest, ATurnIsOverWhenItWasLongAndOthersWait) {
  const auto holder = caller();
  EXPECT_EQ(call(*holder, 1000, kTurn), 1000) << "nobody waits";
  const auto other = caller();
  ASSERT_TRUE(line_.join(other));
  EXPECT_LE(call(*holder, 1000, kTurn), 16) << "not each call looks at the clock";
  EXPECT_EQ(other->wakes, 0) << "its last call is not answered yet";
  line_.pass_turn();
  EXPECT_EQ(other->wakes, 1);
  line_.pass_turn();
  EXPECT_EQ(call(*other, 1000, kTurn / 1000), 1000);
}

TEST_F(WakeLineTest, TurnsAreLongerTheMoreWaitUpToALimit) {
  const auto turn_of = [&](int waiting) {
    WakeLine line{{.cores = 1, .core = [] { return uint32_t{0}; }, .clock = clock_}};
    const auto holder = make_client();
    line.called(*holder);
    const base::TimePoint start = clock_.time;
    std::vector<std::shared_ptr<Client>> others;
    for (int i = 0; i < waiting; ++i) {
      others.push_back(make_client());
      line.called(*others.back());
      EXPECT_TRUE(line.join(others.back()));
    }
    while (holder->rest != shm::Rest::kYes) {
      pass(base::Nanos(1'000));
      line.called(*holder);
    }
    return clock_.time - start;
  };
  const base::Nanos exactness{8 * 1'000};
  EXPECT_LE(turn_of(1), kTurn + kTurnForEach + exactness);
  EXPECT_GE(turn_of(1), kTurn);
  EXPECT_GE(turn_of(200), kTurn + 200 * kTurnForEach);
  EXPECT_LE(turn_of(1000), kLongestTurn + exactness);
}

// It is on its way to sleep.
TEST_F(WakeLineTest, WhoWasToldToSleepHasNoTurnThoughItCallsOnceMore) {
  const auto holder = caller();
  ASSERT_TRUE(line_.join(caller()));
  call(*holder, 1000, kTurn);
  line_.called(*holder);
  EXPECT_EQ(caller()->rest, shm::Rest::kNo) << "the core is free";
  EXPECT_TRUE(line_.join(holder));
}

TEST_F(WakeLineTest, NobodyIsWokenForATurnThatAnotherWhoIsAwakeCanHave) {
  const auto holder = caller();
  const auto first = caller();
  const auto second = caller();
  ASSERT_TRUE(line_.join(first));
  ASSERT_TRUE(line_.join(second));
  ASSERT_TRUE(line_.next()) << "the holder paused";
  call(*holder, 1000, kTurn);
  line_.pass_turn();
  EXPECT_EQ(first->wakes, 1);
  EXPECT_EQ(second->wakes, 0);
}

TEST_F(WakeLineTest, WhoPausesIsWaitedForOnlyShortly) {
  const auto holder = caller();
  const auto other = caller();
  ASSERT_TRUE(line_.join(other));
  EXPECT_EQ(line_.pause(), WakeLine::Pause::kWaking);
  pass(kPatience);
  EXPECT_EQ(line_.pause(), WakeLine::Pause::kOver);
  EXPECT_TRUE(line_.next());
  EXPECT_EQ(line_.pause(), WakeLine::Pause::kWaking) << "who was woken is on its way";
}

// Two have turns, each woken and called by after so long, and after so long again.
class WakingUpTest : public WakeLineTest {
 protected:
  WakingUpTest() { EXPECT_TRUE(line_.join(clients_[0])); }

  void turns(base::Nanos waking, base::Nanos between) {
    for (int turn = 0; turn < 200; ++turn) {
      Client& client = *clients_[0];
      EXPECT_TRUE(line_.join(clients_[1]));
      EXPECT_TRUE(line_.next());
      call(client, 1, waking);
      call(client, 2, between);
      std::swap(clients_[0], clients_[1]);
    }
  }
  // How long who was woken now, and does not call, is waited for.
  base::Nanos patience() {
    EXPECT_TRUE(line_.join(clients_[1]));
    EXPECT_TRUE(line_.next());
    base::Nanos waited{0};
    for (; line_.pause() == WakeLine::Pause::kWaking; waited += base::Nanos(1'000))
      pass(base::Nanos(1'000));
    std::swap(clients_[0], clients_[1]);
    return waited;
  }

  const std::shared_ptr<Client> holder_ = caller();
  std::shared_ptr<Client> clients_[2] = {caller(), caller()};
};

TEST_F(WakingUpTest, WhoWasWokenHasTwiceAsLongAsOthersTook) {
  turns(2 * kPatience, kPatience / 10);
  EXPECT_GT(patience(), 3 * kPatience);
  EXPECT_LE(patience(), 4 * kPatience);
  turns(kPatience / 4, kPatience / 10);
  EXPECT_LE(patience(), kPatience + base::Nanos(1'000));
}

TEST_F(WakingUpTest, WhoThinksBeforeEachCallTellsNothingOfThat) {
  turns(2 * kPatience, 2 * kPatience);
  EXPECT_LE(patience(), kPatience);
}

TEST_F(WakingUpTest, WhoThinksLongBeforeManyCallsTellsNothingOfThat) {
  turns(10 * kLongestWaking, kPatience / 10);
  EXPECT_LE(patience(), kPatience);
}

TEST_F(WakingUpTest, NobodyIsWaitedForWithoutALimit) {
  turns(kLongestWaking * 9 / 10, kPatience / 10);
  EXPECT_GT(patience(), kLongestWaking / 2);
  EXPECT_LE(patience(), kLongestWaking);
}

TEST_F(WakingUpTest, ItIsNoPartOfTheTurn) {
  EXPECT_TRUE(line_.join(clients_[1]));
  EXPECT_TRUE(line_.next());
  EXPECT_EQ(call(*clients_[0], 1, 2 * kTurn), 1);
  EXPECT_EQ(call(*clients_[0], 64, kTurn / 64), 64);
}

TEST_F(WakeLineTest, WhoCallsIsHeardThoughNoClockWasReadThen) {
  const auto holder = caller();
  ASSERT_TRUE(line_.join(caller()));
  pass(kPatience);
  line_.called(*holder);
  EXPECT_EQ(line_.pause(), WakeLine::Pause::kWaking);
}

TEST_F(WakeLineTest, ThePauseIsOverAtOnceIfAllSleep) {
  const auto holder = caller();
  ASSERT_TRUE(line_.join(caller()));
  ASSERT_TRUE(line_.join(holder));
  EXPECT_EQ(line_.pause(), WakeLine::Pause::kOver);
}

TEST_F(WakeLineTest, WhoSendsManyCallsTogetherIsWokenAtOnce) {
  const auto holder = caller();
  const auto many = caller();
  line_.called_often(*many);
  EXPECT_FALSE(line_.join(many));
  line_.called(*many);
  EXPECT_TRUE(line_.join(many)) << "it does so no more";
}

TEST_F(WakeLineTest, WhoSleptOnTheServersCoreComesAfterTheOthers) {
  const auto holder = caller();
  const auto near = caller(0);
  const auto far = caller(1);
  const auto farther = caller(2);
  for (const auto& each : {near, far, farther}) ASSERT_TRUE(line_.join(each));
  ASSERT_TRUE(line_.next());
  EXPECT_EQ(far->wakes, 1);
  ASSERT_TRUE(line_.next());
  EXPECT_EQ(farther->wakes, 1);
  EXPECT_EQ(near->wakes, 0);
  ASSERT_TRUE(line_.next());
  EXPECT_EQ(near->wakes, 1);
}

TEST_F(WakeLineTest, NobodyIsPassedOverForEver) {
  const auto holder = caller();
  const auto near = caller(0);
  const auto far = caller(1);
  ASSERT_TRUE(line_.join(near));
  int turns = 0;
  while (near->wakes == 0) {
    ASSERT_TRUE(line_.join(far));
    ASSERT_TRUE(line_.next());
    ++turns;
  }
  EXPECT_LE(turns, 3);
}

TEST_F(WakeLineTest, ClosesForAWhileIfTurnsAreCutShort) {
  const auto holder = caller();
  const std::vector<std::shared_ptr<Client>> clients = {caller(), caller(), caller()};
  for (const auto& client : clients) ASSERT_TRUE(line_.join(client));
  const auto turns_until_closed = [&](bool cut_short) {
    int turns = 0;
    for (; turns < 999 && line_.open(); ++turns) {
      const auto& client = clients[turns % 3];
      client->wakes = 0;
      EXPECT_TRUE(line_.next());
      EXPECT_EQ(client->wakes, 1);
      if (!cut_short) call(*client, 100, kTurn);
      EXPECT_TRUE(line_.join(client));
    }
    return turns;
  };
  EXPECT_EQ(turns_until_closed(false), 999);
  EXPECT_LT(turns_until_closed(true), 500);
  EXPECT_FALSE(line_.open());
  pass(std::chrono::seconds(1));
  EXPECT_TRUE(line_.open());
}

TEST_F(WakeLineTest, WhoIsAwakeOrGoneIsSkipped) {
  const auto holder = caller();
  const auto awake = caller();
  const auto other = caller();
  ASSERT_TRUE(line_.join(awake));
  ASSERT_TRUE(line_.join(other));
  awake->sleeps = false;
  EXPECT_TRUE(line_.next());
  EXPECT_EQ(other->wakes, 1);
  EXPECT_FALSE(line_.waits());
}

TEST_F(WakeLineTest, AllCanBeWoken) {
  const auto holder = caller();
  std::vector<std::shared_ptr<Client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(caller(i % 3));
    ASSERT_TRUE(line_.join(clients.back()));
  }
  line_.wake_all();
  for (const auto& client : clients) EXPECT_EQ(client->wakes, 1);
  EXPECT_FALSE(line_.waits());
}

}  // namespace
}  // namespace lp::courier
