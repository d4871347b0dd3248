// What handlers may do with their calls, and when they come and go: bound, replaced and unbound
// while a server's threads run calls of theirs, one after the other.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "launchpad/courier/current_call.h"
#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

constexpr int kMany = 1000;

wire::Payload number(int value) {
  wire::Payload payload;
  wire::Writer(payload).integer(value);
  return payload;
}

class Handlers : public testing::Test {
 protected:
  void bind(const std::string& method, Handler handler) {
    server.router().bind(method, std::move(handler)).value_or_throw();
  }
  std::shared_ptr<Channel> connect() {
    if (!server.started()) {
      server.start(net::listen(net::Address::parse(fresh_address("unix")).value()).value())
          .value_or_throw();
    }
    return make_shared_channel(server.address(), {});
  }
  // So many calls that are on their way together: what each gave, or -1.
  std::vector<int> call_together(const std::string& method, int count) {
    const auto channel = connect();
    std::vector<std::shared_ptr<Pending>> calls;
    for (int i = 0; i < count; ++i) calls.push_back(channel->start(method, none, {}).value());
    std::vector<int> given;
    for (const auto& call : calls) {
      const auto result = decode_answer<int>(channel->wait(call), "it");
      given.push_back(result.ok() ? result.value() : -1);
    }
    return given;
  }

  const wire::Payload none = encode_arguments(std::tuple());
  Server server;
};

TEST_F(Handlers, OfACallThatIsDroppedLetItAnswerItself) {
  bind("take and drop", [](Call) {});
  bind("leave and drop", [](Call&&) {});
  for (const char* method : {"take and drop", "leave and drop"}) {
    EXPECT_EQ(connect()->call(method, none, {}).error().code, Code::kInternal) << method;
  }
}

TEST_F(Handlers, MayAnswerLaterFromAnotherThread) {
  std::promise<Call> parked;
  bind("park", [&](Call&& call) { parked.set_value(std::move(call)); });
  const auto channel = connect();
  std::thread answerer([&] { parked.get_future().get().reply(number(9)); });
  const auto answer = channel->call("park", none, {});
  answerer.join();
  EXPECT_EQ(decode_answer<int>(answer, "park").value(), 9);
}

// Its caller is who made the call, though the call is elsewhere, answered, and gone.
TEST_F(Handlers, ThatPassedTheirCallOnStillHearThatItsCallerWent) {
  std::promise<void> goes;
  std::promise<bool> before, after;
  bind("pass on", [&](Call&& call) {
    { const Call elsewhere(std::move(call)); }
    before.set_value(CurrentCall::gone().has_value());
    goes.get_future().wait();
    while (!CurrentCall::gone()) std::this_thread::yield();
    after.set_value(true);
  });
  const auto channel = connect();
  EXPECT_EQ(channel->call("pass on", none, {}).error().code, Code::kInternal);
  EXPECT_FALSE(before.get_future().get());
  channel->close();
  goes.set_value();
  EXPECT_TRUE(after.get_future().get());
}

TEST_F(Handlers, ThatAreReplacedRunNoFurtherCallOfThoseReadTogether) {
  bind("it", [&](Call&& call) {
    call.reply(number(1));
    bind("it", [](Call&& later) { later.reply(number(2)); });
  });
  const std::vector<int> given = call_together("it", kMany);
  const auto first = std::count(given.begin(), given.end(), 1);
  EXPECT_GE(first, 1);
  EXPECT_LE(first, ServerOptions().threads);  // Each thread may have begun one meanwhile.
  EXPECT_EQ(std::count(given.begin(), given.end(), 2), kMany - first);
}

TEST_F(Handlers, ThatAreUnboundRunNoFurtherCallOfThoseReadTogether) {
  std::atomic<int> runs{0};
  std::atomic<bool> unbound{false};
  std::atomic<int> late{0};  // At most one of each thread's, that it began meanwhile.
  bind("it", [&](Call&& call) {
    if (unbound.load()) ++late;
    if (++runs == kMany / 2) {
      server.router().unbind("it");
      unbound.store(true);
    }
    call.reply(number(1));
  });
  const std::vector<int> given = call_together("it", kMany);
  EXPECT_EQ(given.back(), -1);
  EXPECT_LE(late.load(), ServerOptions().threads);
}

TEST_F(Handlers, OfSeveralMethodsGetTheirOwnCallsThoughTheseComeTogether) {
  for (int i = 0; i < 3; ++i) {
    bind(std::to_string(i), [i](Call&& call) { call.reply(number(i)); });
  }
  bind("*", [](Call&& call) { call.reply(number(std::stoi(call.method()))); });
  const auto channel = connect();
  std::vector<std::shared_ptr<Pending>> calls;
  for (int i = 0; i < kMany; ++i)
    calls.push_back(channel->start(std::to_string(i % 5), none, {}).value());
  for (int i = 0; i < kMany; ++i)
    EXPECT_EQ(decode_answer<int>(channel->wait(calls[i]), "it").value(), i % 5);
}

// What a handler holds is let go once it is unbound, though the server has no further call.
TEST_F(Handlers, ThatAreUnboundEndOnceTheServersThreadsWait) {
  struct Held {
    explicit Held(std::promise<void>& end) : ended(end) {}
    ~Held() { ended.set_value(); }
    std::promise<void>& ended;
  };
  std::promise<void> ended;
  bind("it", [held = std::make_shared<Held>(ended)](Call&& call) { call.reply(number(1)); });
  EXPECT_EQ(call_together("it", kMany).back(), 1);
  server.router().unbind("it");
  ended.get_future().wait();
}

TEST_F(Handlers, OfSingleCallsEndOnceTheyAreUnbound) {
  std::promise<void> ended;
  const auto end = [&](void*) { ended.set_value(); };
  bind("it", [held = std::shared_ptr<void>(this, end)](Call&& call) { call.reply(number(1)); });
  const auto channel = connect();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(channel->call("it", none, {}).ok());
  server.router().unbind("it");
  ended.get_future().wait();
}

TEST_F(Handlers, ThatAreReplacedRunNoFurtherSingleCall) {
  const auto channel = connect();
  for (int i = 0; i < 100; ++i) {
    bind("it", [i](Call&& call) { call.reply(number(i)); });
    for (int again = 0; again < 3; ++again)
      EXPECT_EQ(decode_answer<int>(channel->call("it", none, {}), "it").value(), i);
  }
  server.router().unbind("it");
  EXPECT_EQ(channel->call("it", none, {}).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace lp::courier
