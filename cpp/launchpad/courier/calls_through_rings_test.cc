// What calls promise where a connection's bytes go through shared memory. Both ends are in this
// process; python/tests/ kill them when they are two.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "launchpad/base/rng.h"
#include "launchpad/courier/channel.h"
#include "launchpad/courier/test_objects.h"
#include "launchpad/wire/writer.h"

namespace lp::courier {
namespace {

wire::Payload no_arguments() {
  wire::Payload arguments;
  wire::Writer(arguments).begin_list(0);
  return arguments;
}

// At a fresh address: `quick`; `wait`, which waits for an `open` that comes after it.
void serve_gate(Server& server, std::atomic<int>& opened) {
  const auto answer = [](const Call& call) { return wire::Payload(call.arguments()); };
  const auto bind = [&](const char* method, Handler handler) {
    server.router().bind(method, std::move(handler)).value_or_throw();
  };
  bind("quick", [=](Call call) { call.reply(answer(call)); });
  bind("wait", [&opened, answer](Call call) {
    const int round = opened.load();
    opened.wait(round);
    call.reply(answer(call));
  });
  bind("open", [&opened, answer](Call call) {
    ++opened;
    opened.notify_all();
    call.reply(answer(call));
  });
  server.start(net::listen(net::Address::parse(fresh_address("unix")).value()).value())
      .value_or_throw();
}

// So many clients, which call `quick` until it is enough.
std::vector<std::jthread> keep_calling(const Server& server, int count,
                                       const std::atomic<bool>& enough) {
  std::vector<std::jthread> clients;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back([&server, &enough] {
      const auto channel = Channel::make(server.address(), {});
      while (!enough) EXPECT_TRUE(channel->call("quick", no_arguments(), {}).ok());
      channel->close();
    });
  }
  return clients;
}

bool goes_through_rings(const Server& server) {
  const auto channel = Channel::make(server.address(), {});
  const auto peer = channel->peer({});
  channel->close();
  return peer.value().rings.has_value();
}

TEST(CallsThroughRings, AreThoseOfConnectionsWithinAHost) {
  for (const auto& [kind, rings] : {std::pair{"unix", true}, {"inproc", true}, {"tcp", false}}) {
    Desk desk;
    Server server;
    serve_at(server, desk, kind);
    EXPECT_EQ(goes_through_rings(server), rings) << kind;
  }
}

TEST(CallsThroughRings, ReachAServerWithOneThread) {
  Desk desk;
  Server server({.threads = 1});
  serve_at(server, desk);
  const auto one = Client<Desk>::connect(server.address().str());
  const auto two = Client<Desk>::connect(server.address().str());
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(one.call<&Desk::add>(i, 1), i + 1);
    EXPECT_EQ(two.call<&Desk::add>(i, 2), i + 2);
  }
}

TEST(CallsThroughRings, AreHeardWhileOthersBlock) {
  Gate gate;
  Server server({.threads = 3});
  serve_at(server, gate);
  const auto one = Client<Gate>::connect(server.address().str());
  const auto two = Client<Gate>::connect(server.address().str());
  auto first = one.async<&Gate::pass>(1);
  auto second = two.async<&Gate::pass>(2);
  while (one.call<&Gate::knock>() < 2) {
  }
  two.call<&Gate::unlock>();
  EXPECT_EQ(first.get(), 1);
  EXPECT_EQ(second.get(), 2);
}

TEST(CallsThroughRings, AreAnsweredThoughTheirAnswersFillTheRingManyTimes) {
  for (const int threads : {1, 3}) {
    Desk desk;
    Server server({.threads = threads});
    serve_at(server, desk);
    const auto client = Client<Desk>::connect(server.address().str());
    const std::string text(1000, 'x');
    std::vector<Future<std::string>> futures;
    for (int i = 0; i < 500; ++i) futures.push_back(client.async<&Desk::echo>(text));
    for (auto& future : futures) EXPECT_EQ(future.get(), text);
  }
}

// Answers are kept back while there are more calls, and while these are quick no timer goes off
// that would send them.
TEST(CallsThroughRings, AreAnsweredWhileTheOthersThatWereReadWithThemStillRun) {
  constexpr int kCalls = 250;
  std::atomic<int> ran{0};
  Server server({.threads = 2});
  server.router()
      .bind("toil",
            [&](Call call) {
              const auto end = base::Deadline::after(base::Nanos(20'000));
              while (!end.passed()) continue;
              ++ran;
              call.reply(call.arguments());
            })
      .value_or_throw();
  server.start(net::listen(net::Address::parse(fresh_address("unix")).value()).value())
      .value_or_throw();
  const auto channel = Channel::make(server.address(), {});
  // This thread may see it too late where the machine is busy, but seldom.
  constexpr int kAttempts = 100;
  int late = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ran.store(0);
    std::vector<std::shared_ptr<Pending>> calls;
    for (int i = 0; i < kCalls; ++i)
      calls.push_back(channel->start("toil", no_arguments(), {}).value());
    EXPECT_TRUE(channel->wait(calls.front()).ok());
    late += ran.load() >= kCalls - 1;
    for (size_t i = 1; i < calls.size(); ++i) EXPECT_TRUE(channel->wait(calls[i]).ok());
  }
  EXPECT_LT(late, kAttempts / 6);
  channel->close();
}

// The thread that has answered is expected to look for the next call, and does not.
TEST(CallsThroughRings, AreHeardThoughAHandlerGoesOnAfterItsAnswer) {
  std::atomic<bool> open{false};
  Server server({.threads = 2});
  server.router()
      .bind("linger",
            [&](Call call) {
              wire::Payload answer;
              wire::Writer(answer).integer(1);
              call.reply(answer);
              open.wait(false);
            })
      .value_or_throw();
  server.router()
      .bind("open",
            [&](Call call) {
              open.store(true);
              open.notify_all();
              wire::Payload answer;
              wire::Writer(answer).integer(2);
              call.reply(answer);
            })
      .value_or_throw();
  server.start(net::listen(net::Address::parse(fresh_address("unix")).value()).value())
      .value_or_throw();
  const auto channel = Channel::make(server.address(), {});
  wire::Payload nothing;
  wire::Writer(nothing).begin_list(0);
  EXPECT_TRUE(channel->call("linger", nothing, {}).ok());
  EXPECT_TRUE(channel->call("open", nothing, {}).ok());
  channel->close();
}

// The thread that runs calls which were read together is expected to look for others' when they are
// done: the one that it is in may wait for those.
TEST(CallsThroughRings, AreHeardThoughOneOfManyQuickOnesWaitsForThem) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  std::atomic<int> opened{0};
  Server server({.threads = 3});
  serve_gate(server, opened);
  const auto many = Channel::make(server.address(), {});
  const auto other = Channel::make(server.address(), {});
  const auto arguments = no_arguments();
  ASSERT_TRUE(other->call("quick", arguments, {}).ok());
  for (int round = 0; round < 200; ++round) {
    std::vector<std::shared_ptr<Pending>> calls;
    const auto start = [&](const char* method) {
      calls.push_back(many->start(method, arguments, {}).value());
    };
    for (auto i = rng() % 300; i > 0; --i) start("quick");
    start("wait");
    const auto waits = calls.back();
    for (auto i = rng() % 300; i > 0; --i) start("quick");
    // Opens it again and again: the first may come before the call that waits for it.
    while (!many->wait_done(waits, base::Deadline::after(base::Nanos(1)))) {
      ASSERT_TRUE(other->call("open", arguments, {}).ok());
    }
    for (const auto& call : calls) ASSERT_TRUE(many->wait(call).ok());
  }
  many->close();
  other->close();
}

// The thread that hears of a call which waits has promised to look for the others.
TEST(CallsThroughRings, AreHeardThoughAnotherClientsCallWaitsForThem) {
  std::atomic<int> opened{0};
  std::atomic<bool> enough{false};
  Server server({.threads = 3});
  serve_gate(server, opened);
  const auto arguments = no_arguments();
  auto clients = keep_calling(server, 3, enough);
  const auto one = Channel::make(server.address(), {});
  const auto other = Channel::make(server.address(), {});
  for (int round = 0; round < 100; ++round) {
    const auto waits = one->start("wait", arguments, {}).value();
    while (!one->wait_done(waits, base::Deadline::after(base::Nanos(1)))) {
      EXPECT_TRUE(other->call("open", arguments, {}).ok());
    }
    EXPECT_TRUE(one->wait(waits).ok());
  }
  enough = true;
  clients.clear();
  one->close();
  other->close();
}

// They are more than the machine has cores for, sleep, and are woken one after the other; each does
// something else at times, and no longer calls when its turn comes.
TEST(CallsThroughRings, OfClientsThatTakeTurnsAreAllAnswered) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  std::atomic<int> opened{0};
  Server server({.threads = 3});
  serve_gate(server, opened);
  const auto arguments = no_arguments();
  std::vector<std::jthread> clients;
  for (int client = 0; client < 48; ++client) {
    clients.emplace_back([&, client] {
      base::Rng rng(seed + client);
      const auto channel = Channel::make(server.address(), {});
      for (int call = 0; call < 100; ++call) {
        EXPECT_TRUE(channel->call("quick", arguments, {}).ok());
        if (rng() % 20 != 0) continue;
        std::vector<std::shared_ptr<Pending>> together;
        for (int i = 0; i < 5; ++i)
          together.push_back(channel->start("quick", arguments, {}).value());
        for (const auto& each : together) EXPECT_TRUE(channel->wait(each).ok());
      }
      channel->close();
    });
  }
  clients.clear();
}

// The thread that let a client stand in line does not look.
TEST(CallsThroughRings, AreAnsweredThoughHandlersGoOnAfterAnswersToClientsThatTakeTurns) {
  std::atomic<bool> enough{false};
  std::atomic<int> opened{0};
  Server server({.threads = 8});
  server.router()
      .bind("linger",
            [&](Call call) {
              const int round = opened.load();
              call.reply(call.arguments());
              opened.wait(round);
            })
      .value_or_throw();
  serve_gate(server, opened);
  const auto arguments = no_arguments();
  auto clients = keep_calling(server, 6, enough);
  const auto channel = Channel::make(server.address(), {});
  for (int round = 0; round < 100; ++round) {
    EXPECT_TRUE(channel->call("linger", arguments, {}).ok());
    EXPECT_TRUE(channel->call("open", arguments, {}).ok());
  }
  enough = true;
  clients.clear();
  channel->close();
}

TEST(CallsThroughRings, LargerThanARingArriveWhole) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  const auto client = Client<Desk>::connect(server.address().str());
  for (const size_t size : {shm::kRingBytes - 100, shm::kRingBytes, 5 * shm::kRingBytes + 7}) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i % 251);
    EXPECT_EQ(client.call<&Desk::echo>(text), text);
  }
}

TEST(CallsThroughRings, OfManyClientsAreAllAnswered) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  Desk desk;
  Server server({.threads = 4});
  serve_at(server, desk);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int client = 0; client < 8; ++client) {
    threads.emplace_back([&, client] {
      base::Rng rng(seed + client);
      const auto desk_client = Client<Desk>::connect(server.address().str());
      for (int round = 0; round < 60; ++round) {
        std::vector<std::pair<std::string, Future<std::string>>> futures;
        const size_t count = rng() % 20;
        for (size_t i = 0; i < count; ++i) {
          std::string text(rng() % 3000, static_cast<char>('a' + client));
          futures.emplace_back(text, desk_client.async<&Desk::echo>(text));
        }
        if (desk_client.call<&Desk::add>(round, client) != round + client) ++wrong;
        for (auto& [text, future] : futures) wrong += future.get() != text;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(CallsThroughRings, FailOnceTheServerHasStopped) {
  Gate gate;
  auto server = std::make_unique<Server>();
  serve_at(*server, gate);
  const auto client =
      Client<Gate>::connect(server->address().str(), ChannelOptions{.wait_for_ready = false});
  auto waiting = client.async<&Gate::pass>(1);
  while (client.call<&Gate::knock>() < 1) {
  }
  server->stop(base::Deadline::after(base::Nanos(1)));
  EXPECT_THROW(waiting.get(), Error);
  EXPECT_THROW(client.call<&Gate::knock>(), Error);
  gate.unlock();
}

TEST(CallsThroughRings, ReachTheNextServerAtTheAddress) {
  Desk desk;
  const auto address = net::Address::parse(fresh_address("unix")).value();
  auto server = std::make_unique<Server>();
  serve(server->router(), desk);
  server->start(net::listen(address).value()).value_or_throw();
  const auto client = Client<Desk>::connect(address.str());
  EXPECT_EQ(client.call<&Desk::add>(1, 2), 3);
  server = std::make_unique<Server>();
  serve(server->router(), desk);
  server->start(net::listen(address).value()).value_or_throw();
  EXPECT_EQ(client.call<&Desk::add>(3, 4), 7);
}

}  // namespace
}  // namespace lp::courier
