#include "launchpad/courier/server.h"

#include <gtest/gtest.h>

#include <future>
#include <random>
#include <thread>

#include "launchpad/base/rng.h"
#include "launchpad/courier/link.h"
#include "launchpad/courier/stranger.h"
#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

std::string frame(wire::FrameType type, const wire::Payload& payload,
                  std::string_view method = {}) {
  return wire::frame_head(type, 1, 0, method, payload);
}

TEST(Server, ClosesAConnectionWhoseClientEndedRightAfterItsCall) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  wire::Payload arguments;
  wire::Writer writer(arguments);
  writer.begin_list(2);
  writer.integer(1);
  writer.integer(2);
  // All is there at the server's first look, the end as well: no other event comes.
  Stranger stranger(server.address());
  stranger.send(frame(wire::FrameType::kHello, encode_peer({})) +
                frame(wire::FrameType::kCall, arguments, "add"));
  stranger.say_no_more();
  stranger.until_closed();
}

TEST(Server, ClosesAConnectionThatSpeaksAnotherProtocolAndServesOn) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  Stranger stranger(server.address());
  stranger.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(stranger.until_closed(), "");
  EXPECT_EQ(Client<Desk>::connect(server.address().str()).call<&Desk::add>(1, 2), 3);
}

TEST(Server, RefusesCallsBeforeTheGreeting) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  Stranger stranger(server.address());
  stranger.send(frame(wire::FrameType::kCall, encode_arguments(std::tuple(1, 2)), "add"));
  EXPECT_EQ(stranger.until_closed(), "");
}

TEST(Server, TellsAClientOfAnotherProtocolVersion) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  Stranger stranger(server.address());
  stranger.send(
      frame(wire::FrameType::kHello, encode_peer({.version = 99, .language = "cpp", .name = {}})));
  EXPECT_NE(stranger.until_closed().find("speaks version 99"), std::string::npos);
}

TEST(Server, SurvivesRandomBytesAfterAnyPrefixOfAConversation) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  Desk desk;
  Server server;
  serve_at(server, desk);
  const std::string talk =
      frame(wire::FrameType::kHello, encode_peer({})) +
      frame(wire::FrameType::kCall, encode_arguments(std::tuple(1, 2)), "add") +
      frame(wire::FrameType::kCall, encode_arguments(std::tuple(std::string(300, 'x'))), "echo");
  for (int round = 0; round < 300; ++round) {
    std::string bytes = talk.substr(0, rng() % (talk.size() + 1));
    for (uint64_t flips = rng() % 4; flips > 0 && !bytes.empty(); --flips) {
      bytes[rng() % bytes.size()] = static_cast<char>(rng());
    }
    for (uint64_t extra = rng() % 64; extra > 0; --extra) bytes.push_back(static_cast<char>(rng()));
    Stranger(server.address()).send(bytes);
  }
  EXPECT_EQ(Client<Desk>::connect(server.address().str()).call<&Desk::add>(1, 2), 3);
}

TEST(Server, AMessageBeyondTheLimitsEndsInAnErrorThatSaysSo) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  ChannelOptions options;
  options.limits.body_bytes = 1000;
  const auto client = Client<Desk>::connect(server.address().str(), options);
  const auto answer = client.result<&Desk::echo>(std::string(2000, 'x'));
  EXPECT_EQ(answer.error().code, Code::kResourceExhausted);
  EXPECT_NE(answer.error().message.find("the limit is 1000"), std::string::npos)
      << answer.error().message;
  EXPECT_EQ(client.call<&Desk::echo>("small"), "small");
}

TEST(Server, ANestedFloodOfCallsIsAnsweredWithAFullQueue) {
  Desk desk;
  ServerOptions options;
  options.max_queued_calls = 8;
  options.threads = 2;
  Server server(options);
  serve_at(server, desk);
  std::vector<std::thread> clients;
  std::atomic<int> right{0};
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&] {
      const auto client = Client<Desk>::connect(server.address().str());
      std::vector<Future<int>> futures;
      for (int i = 0; i < 3000; ++i) futures.push_back(client.async<&Desk::add>(i, 1));
      for (int i = 0; i < 3000; ++i) right += futures[static_cast<size_t>(i)].get() == i + 1;
    });
  }
  for (auto& thread : clients) thread.join();
  EXPECT_EQ(right.load(), 4 * 3000);
}

TEST(Server, TooManyUnansweredCallsAreRefusedAtTheClient) {
  Gate gate;
  Server server;
  serve_at(server, gate);
  ChannelOptions options;
  options.max_pending = 3;
  const auto client = Client<Gate>::connect(server.address().str(), options);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(client.async<&Gate::pass>(i));
  EXPECT_EQ(client.async<&Gate::pass>(3).result().error().code, Code::kResourceExhausted);
  gate.unlock();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(futures[static_cast<size_t>(i)].get(), i);
}

TEST(Server, RunsAsManyMethodsAtOnceAsItHasThreads) {
  Gate gate;
  ServerOptions options;
  options.threads = 4;
  Server server(options);
  serve_at(server, gate);
  const auto client = Client<Gate>::connect(server.address().str());
  std::vector<Future<int>> futures;
  for (int i = 0; i < 8; ++i) futures.push_back(client.async<&Gate::pass>(i));
  for (int seen = 0; seen < 4; seen = gate.waiting.load()) gate.waiting.wait(seen);
  EXPECT_EQ(gate.waiting.load(), 4);
  gate.unlock();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(futures[static_cast<size_t>(i)].get(), i);
}

TEST(Server, DoesNotRunACallThatExpiredOnItsWay) {
  Gate gate;
  ServerOptions options;
  options.threads = 1;
  Server server(options);
  serve_at(server, gate);
  const auto client = Client<Gate>::connect(server.address().str());
  auto first = client.async<&Gate::pass>(1);
  gate.waiting.wait(0);
  const auto late = client.within(std::chrono::milliseconds(5)).result<&Gate::pass>(2);
  EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
  gate.unlock();
  EXPECT_EQ(first.get(), 1);
  EXPECT_EQ(client.call<&Gate::knock>(), 1) << "the expired call was run";
}

TEST(Server, DoesNotRunACallThatWasCancelledInTheQueue) {
  Gate gate;
  ServerOptions options;
  options.threads = 1;
  Server server(options);
  serve_at(server, gate);
  const auto client = Client<Gate>::connect(server.address().str());
  auto first = client.async<&Gate::pass>(1);
  gate.waiting.wait(0);
  auto second = client.async<&Gate::pass>(2);
  EXPECT_TRUE(second.cancel());
  gate.unlock();
  EXPECT_EQ(first.get(), 1);
  EXPECT_EQ(client.call<&Gate::knock>(), 1) << "the cancelled call was run";
}

TEST(Server, StopLetsRunningCallsAnswer) {
  Gate gate;
  Server server;
  serve_at(server, gate);
  const auto client = Client<Gate>::connect(server.address().str());
  auto running = client.async<&Gate::pass>(5);
  gate.waiting.wait(0);
  std::thread stopper([&] { server.stop(); });
  gate.unlock();
  stopper.join();
  EXPECT_EQ(running.get(), 5);
  EXPECT_TRUE(server.join());
}

TEST(Server, AStoppedServerRefusesConnections) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  const auto address = server.address();
  server.stop();
  EXPECT_EQ(net::connect(address).error().code, Code::kNotFound);
}

TEST(Server, StopsUnderLoadAndEveryCallEnds) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  for (int round = 0; round < 20; ++round) {
    Desk desk;
    Server server;
    serve_at(server, desk);
    const auto stop_after = static_cast<int>(rng() % 500);
    std::atomic<int> calls{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        const auto client =
            Client<Desk>::connect(server.address().str(), {.wait_for_ready = false});
        while (client.result<&Desk::add>(1, 2).ok()) calls.fetch_add(1), calls.notify_all();
      });
    }
    for (int seen = calls.load(); seen < stop_after; seen = calls.load()) calls.wait(seen);
    server.stop();
    for (auto& thread : threads) thread.join();
  }
}

TEST(Server, StartingTwiceIsAnError) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  auto second =
      server.start(net::listen(net::Address::parse(fresh_address("unix")).value()).value());
  EXPECT_EQ(second.error().code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace lp::courier
