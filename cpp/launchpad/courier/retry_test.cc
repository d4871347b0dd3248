#include "launchpad/courier/retry.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

using std::chrono::milliseconds;

RetryPolicy quick(int attempts) {
  RetryPolicy policy;
  policy.attempts = attempts;
  policy.first_pause = policy.longest_pause = milliseconds(1);
  return policy;
}

TEST(Backoff, PausesGrowToTheirLimit) {
  RetryPolicy policy;
  policy.first_pause = milliseconds(10);
  policy.longest_pause = milliseconds(50);
  policy.growth = 2;
  policy.jitter = 0;
  Backoff backoff(policy);
  std::vector<int64_t> pauses;
  for (int attempt = 1; attempt <= 5; ++attempt)
    pauses.push_back(backoff.pause_after(attempt) / milliseconds(1));
  EXPECT_EQ(pauses, (std::vector<int64_t>{10, 20, 40, 50, 50}));
}

TEST(Backoff, JitterStaysInItsBoundsAndComesFromTheSeed) {
  RetryPolicy policy;
  policy.jitter = 0.5;
  policy.seed = 7;
  Backoff one(policy), same(policy);
  policy.seed = 8;
  Backoff other(policy);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const base::Nanos pause = one.pause_after(1);
    EXPECT_GE(pause, milliseconds(5));
    EXPECT_LE(pause, milliseconds(15));
    EXPECT_EQ(pause, same.pause_after(1));
    differs |= pause != other.pause_after(1);
  }
  EXPECT_TRUE(differs);
}

TEST(RetryPolicy, NumbersThatMakeNoSenseAreRefused) {
  const auto message = [](auto&& change) {
    RetryPolicy policy;
    change(policy);
    const Status status = policy.check();
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(message([](RetryPolicy&) {}), "");
  EXPECT_NE(message([](RetryPolicy& p) { p.attempts = 0; }).find("attempts must be at least 1"),
            std::string::npos);
  EXPECT_NE(message([](RetryPolicy& p) { p.first_pause = milliseconds(-1); }).find("negative"),
            std::string::npos);
  EXPECT_NE(message([](RetryPolicy& p) { p.growth = 0.5; }).find("growth"), std::string::npos);
  EXPECT_NE(message([](RetryPolicy& p) { p.jitter = 1.5; }).find("jitter"), std::string::npos);
  EXPECT_THROW(Client<Desk>::connect(fresh_address("unix")).retrying({.attempts = 0}), Error);
}

// Nobody listens at first; `open` begins to.
class RetryTest : public testing::Test {
 protected:
  void open() {
    serve(server.router(), desk);
    server.start(net::listen(net::Address::parse(address).value()).value()).value_or_throw();
  }
  Client<Desk> connect(RetryPolicy policy) {
    return Client<Desk>::connect(address, {.wait_for_ready = false}).retrying(std::move(policy));
  }

  const std::string address = fresh_address("unix");
  Desk desk;
  Server server;
};

TEST_F(RetryTest, ACallIsMadeAgainUntilTheServerIsThere) {
  RetryPolicy policy = quick(10);
  int retries = 0;
  policy.on_retry = [&](int attempt, const Error& error) {
    EXPECT_EQ(attempt, ++retries);
    EXPECT_EQ(error.code, Code::kUnavailable);
    if (attempt == 2) open();
  };
  EXPECT_EQ(connect(policy).call<&Desk::add>(2, 3), 5);
  EXPECT_EQ(retries, 2);
}

TEST_F(RetryTest, AFutureIsMadeAgainUntilTheServerIsThere) {
  RetryPolicy policy = quick(10);
  std::atomic<int> retries{0};
  policy.on_retry = [&](int attempt, const Error&) {
    if (++retries == 2) open();
    EXPECT_EQ(attempt, retries.load());
  };
  // The client goes; its future keeps what it needs.
  Future<int> future = connect(policy).async<&Desk::add>(2, 3);
  EXPECT_TRUE(future.wait_for(std::chrono::seconds(60)));
  EXPECT_EQ(future.get(), 5);
  EXPECT_EQ(retries.load(), 2);
}

TEST_F(RetryTest, TheLastAttemptsErrorIsTheCalls) {
  RetryPolicy policy = quick(3);
  std::atomic<int> retries{0};
  policy.on_retry = [&](int, const Error&) { ++retries; };
  const auto client = connect(policy);
  EXPECT_EQ(client.result<&Desk::add>(1, 1).error().code, Code::kUnavailable);
  EXPECT_EQ(retries.load(), 2);
  EXPECT_EQ(client.async<&Desk::add>(1, 1).result().error().code, Code::kUnavailable);
  EXPECT_EQ(retries.load(), 4);
}

TEST_F(RetryTest, OnlyTheMethodsThatAreNamedAreMadeAgain) {
  RetryPolicy policy = quick(2);
  int retries = 0;
  policy.on_retry = [&](int, const Error&) { ++retries; };
  const auto client = Client<Desk>::connect(address, {.wait_for_ready = false})
                          .retrying<&Desk::echo>(std::move(policy));
  EXPECT_EQ(client.result<&Desk::add>(1, 1).error().code, Code::kUnavailable);
  EXPECT_EQ(retries, 0);
  EXPECT_EQ(client.result<&Desk::echo>("x").error().code, Code::kUnavailable);
  EXPECT_EQ(retries, 1);
}

TEST_F(RetryTest, WhatTheMethodThrowsIsNotRetried) {
  open();
  RetryPolicy policy = quick(5);
  policy.on_retry = [](int, const Error& error) { FAIL() << error.message; };
  EXPECT_THROW(connect(policy).call<&Desk::fail>("no"), RemoteError);
}

TEST_F(RetryTest, APauseThatWouldOutliveTheDeadlineIsNotMade) {
  RetryPolicy policy;
  policy.first_pause = policy.longest_pause = std::chrono::hours(1);
  const auto client = connect(policy).within(std::chrono::minutes(1));
  EXPECT_EQ(client.result<&Desk::add>(1, 1).error().code, Code::kUnavailable);
  EXPECT_EQ(client.async<&Desk::add>(1, 1).result().error().code, Code::kUnavailable);
}

TEST_F(RetryTest, AFutureThatWaitsForItsNextAttemptCanBeCancelled) {
  RetryPolicy policy;
  policy.first_pause = policy.longest_pause = std::chrono::hours(1);
  const auto client = connect(policy);
  Future<int> future = client.async<&Desk::add>(1, 1);
  EXPECT_FALSE(future.ready());
  EXPECT_TRUE(future.cancel());
  EXPECT_EQ(future.result().error().code, Code::kCancelled);
}

TEST_F(RetryTest, AClientsEndCancelsWhatItPassedOn) {
  RetryPolicy policy;
  policy.first_pause = policy.longest_pause = std::chrono::hours(1);
  std::promise<Code> code;
  {
    const auto client = connect(policy);
    client.forward("add", encode_arguments(std::tuple(1, 1)),
                   [&](Answer answer) { code.set_value(answer.error().code); });
  }
  EXPECT_EQ(code.get_future().get(), Code::kCancelled);
}

// A server that goes while a call is on its way, and another that comes in its place.
class BrokenCall : public testing::Test {
 protected:
  Client<Gate> connect() {
    first = std::make_unique<Server>();
    serve_at(*first, gate);
    return Client<Gate>::connect(first->address().str());
  }
  void break_off() {
    gate.waiting.wait(0);
    const net::Address address = first->address();
    first->stop(base::Deadline::after(milliseconds(1)));
    serve(second.router(), other);
    second.start(net::listen(address).value()).value_or_throw();
  }
  void TearDown() override { gate.unlock(); }

  Gate gate, other;
  std::unique_ptr<Server> first;
  Server second;
};

TEST_F(BrokenCall, RunsAtMostOnceWithoutAPolicy) {
  const auto client = connect();
  auto future = client.async<&Gate::pass>(1);
  break_off();
  EXPECT_EQ(future.result().error().code, Code::kUnavailable);
  EXPECT_EQ(client.call<&Gate::knock>(), 0);
}

TEST_F(BrokenCall, IsMadeAgainByOneThatSaysSo) {
  other.unlock();
  const auto client = connect().retrying(quick(100));
  auto future = client.async<&Gate::pass>(1);
  std::thread caller([&] { EXPECT_EQ(client.call<&Gate::pass>(2), 2); });
  break_off();
  EXPECT_EQ(future.get(), 1);
  caller.join();
}

}  // namespace
}  // namespace lp::courier
