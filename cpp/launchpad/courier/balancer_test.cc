#include "launchpad/courier/balancer.h"

#include <gtest/gtest.h>

#include <future>
#include <map>

#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

// Says who it is.
class Named {
 public:
  explicit Named(int number) : number_(number) {}
  int number() const { return number_; }
  using courier_methods = Methods<&Named::number>;

 private:
  const int number_;
};

// Several servers, of which each can be up or down.
class Balanced : public testing::TestWithParam<bool> {
 protected:
  static constexpr int kCount = 3;

  Balanced() {
    for (int i = 0; i < kCount; ++i) {
      objects.push_back(std::make_unique<Named>(i));
      addresses.push_back(net::Address::parse(fresh_address("unix")).value());
      servers.push_back(nullptr);
    }
  }
  void up(int i) {
    auto server = std::make_unique<Server>();
    serve(server->router(), *objects[static_cast<size_t>(i)]);
    server->start(net::listen(addresses[static_cast<size_t>(i)]).value()).value_or_throw();
    servers[static_cast<size_t>(i)] = std::move(server);
  }
  void down(int i) { servers[static_cast<size_t>(i)].reset(); }
  void all_up() {
    for (int i = 0; i < kCount; ++i) up(i);
  }
  Client<Named> connect(Policy policy = Policy::kRoundRobin, ChannelOptions options = {}) {
    return Client<Named>(make_shared_channel(Addresses{addresses, policy}, std::move(options)));
  }
  // By a call that waits, or by a future.
  int ask(const Client<Named>& client) {
    return GetParam() ? client.call<&Named::number>() : client.async<&Named::number>().get();
  }
  std::map<int, int> ask_often(const Client<Named>& client, int times) {
    std::map<int, int> answers;
    for (int i = 0; i < times; ++i) ++answers[ask(client)];
    return answers;
  }
  // Until each server in `expected` answers equally often.
  void settle(const Client<Named>& client, const std::map<int, int>& expected) {
    int times = 0;
    for (const auto& [server, count] : expected) times += count;
    while (ask_often(client, times) != expected) {
    }
  }

  std::vector<std::unique_ptr<Named>> objects;
  std::vector<net::Address> addresses;
  std::vector<std::unique_ptr<Server>> servers;
};

TEST_P(Balanced, CallsGoToEachServerInTurn) {
  all_up();
  const auto client = connect();
  settle(client, {{0, 2}, {1, 2}, {2, 2}});
  EXPECT_EQ(ask_often(client, 300), (std::map<int, int>{{0, 100}, {1, 100}, {2, 100}}));
}

TEST_P(Balanced, ADeadServerIsSkippedAndMetAgain) {
  all_up();
  const auto client = connect();
  settle(client, {{0, 2}, {1, 2}, {2, 2}});
  down(1);
  EXPECT_EQ(ask_often(client, 100), (std::map<int, int>{{0, 50}, {2, 50}}));
  up(1);
  settle(client, {{0, 2}, {1, 2}, {2, 2}});
}

TEST_P(Balanced, AnUnhealthyServerIsSkippedUntilItIsHealthy) {
  all_up();
  const auto client = connect();
  settle(client, {{0, 2}, {1, 2}, {2, 2}});
  servers[2]->set_healthy(false);
  settle(client, {{0, 2}, {1, 2}});
  servers[2]->set_healthy(true);
  settle(client, {{0, 2}, {1, 2}, {2, 2}});
}

TEST_P(Balanced, PickFirstStaysWithOneServer) {
  all_up();
  const auto client = connect(Policy::kPickFirst);
  EXPECT_EQ(ask_often(client, 50).size(), 1u);
  down(ask(client));
  EXPECT_EQ(ask_often(client, 50).size(), 1u);
}

TEST_P(Balanced, CallsWaitForTheFirstServerThatComesUp) {
  const auto client = connect();
  auto early = std::async(std::launch::async, [&] { return ask_often(client, 10); });
  up(2);
  EXPECT_EQ(early.get(), (std::map<int, int>{{2, 10}}));
}

TEST_P(Balanced, WithoutAnyServerCallsFailAtOnceIfTheyShallNotWait) {
  const auto client = connect(Policy::kRoundRobin, {.wait_for_ready = false});
  const auto answer =
      GetParam() ? client.result<&Named::number>() : client.async<&Named::number>().result();
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  EXPECT_NE(answer.error().message.find("none of 3 servers"), std::string::npos)
      << answer.error().message;
}

TEST_P(Balanced, ADeadlineEndsTheWaitForAServer) {
  const auto client = connect().within(std::chrono::milliseconds(20));
  const auto answer =
      GetParam() ? client.result<&Named::number>() : client.async<&Named::number>().result();
  EXPECT_EQ(answer.error().code, Code::kDeadlineExceeded);
}

INSTANTIATE_TEST_SUITE_P(Ways, Balanced, testing::Bool(),
                         [](const auto& info) { return info.param ? "Call" : "Future"; });

class BalancedFutures : public Balanced {};

TEST_F(BalancedFutures, ArePendingAtOnceAndCanBeCancelled) {
  const auto client = connect();
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(client.async<&Named::number>());
  EXPECT_FALSE(futures.front().ready());
  EXPECT_TRUE(futures.back().cancel());
  EXPECT_EQ(futures.back().result().error().code, Code::kCancelled);
  futures.pop_back();
  up(0);
  for (auto& future : futures) EXPECT_EQ(future.get(), 0);
}

TEST_F(BalancedFutures, GoToCallbacksWhetherTheyAreSentYetOrNot) {
  const auto client = connect();
  std::promise<int> first, second;
  auto early = client.async<&Named::number>();
  ASSERT_TRUE(early.on_answer([&](Answer answer) {
    first.set_value(decode_answer<int>(std::move(answer), "number").value());
  }));
  up(0);
  EXPECT_EQ(first.get_future().get(), 0);
  ASSERT_TRUE(client.shared_channel()
                  ->start("number", encode_arguments(std::tuple()), {},
                          [&](Answer answer) {
                            second.set_value(
                                decode_answer<int>(std::move(answer), "number").value());
                          })
                  .ok());
  EXPECT_EQ(second.get_future().get(), 0);
}

TEST_F(BalancedFutures, EndWithTheirClient) {
  auto client = connect();
  auto future = client.async<&Named::number>();
  client.shared_channel()->close();
  EXPECT_EQ(future.result().error().code, Code::kCancelled);
}

TEST(Addresses, ParseWhatTheyPrint) {
  for (const char* text : {"a:1", "round_robin:a:1,b:2", "unix:/a,unix:/b"})
    EXPECT_EQ(Addresses::parse(text).value().str(), text);
  EXPECT_EQ(Addresses::parse("ipv4:1.2.3.4:5,6.7.8.9:10").value().str(), "1.2.3.4:5,6.7.8.9:10");
  EXPECT_EQ(Addresses::parse("dns:///a:1,b:2").value().str(), "a:1,b:2");
  EXPECT_EQ(Addresses::parse("dns:a:1").value().str(), "a:1");
  EXPECT_EQ(Addresses::parse("dns:80").value().str(), "dns:80");
  for (const char* text : {"", "a:1,", "round_robin:", "a:1,http://b/c"})
    EXPECT_EQ(Addresses::parse(text).error().code, Code::kInvalidArgument) << text;
}

TEST(Health, IsWhatTheServerSays) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  const auto client = Client<Desk>::connect(server.address().str(), {.wait_for_ready = false});
  EXPECT_TRUE(client.healthy());
  server.set_healthy(false);
  EXPECT_FALSE(client.healthy());
  EXPECT_EQ(client.call<&Desk::add>(1, 2), 3);
  server.set_healthy(true);
  EXPECT_TRUE(client.healthy());
  server.stop();
  EXPECT_FALSE(client.healthy());
}

}  // namespace
}  // namespace lp::courier
