// Courier's clients and servers in a simulated world: 100,000 short lives (LP_SCHEDULES), each from
// a seed of its own. LP_SEED=<seed> LP_SCHEDULES=1 repeats one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "launchpad/base/check.h"
#include "launchpad/base/rng.h"
#include "launchpad/courier/channel.h"
#include "launchpad/courier/flusher.h"
#include "launchpad/courier/server.h"
#include "launchpad/net/transport.h"
#include "simulation/payloads.h"
#include "simulation/schedule.h"
#include "simulation/sockets.h"
#include "simulation/world.h"

namespace lp::simulation {
namespace {

constexpr uint64_t kShards = 4;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSchedules = 2'000;
#else
constexpr uint64_t kSchedules = 100'000;
#endif

uint64_t schedules() {
  const char* text = std::getenv("LP_SCHEDULES");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : kSchedules;
}

uint64_t running = 0;  // The seed.

std::string how_to_repeat() {
  return "repeat it: LP_SEED=" + std::to_string(running) +
         " LP_SCHEDULES=1 build/dev/cpp/simulation/simulation_test";
}

void on_crash(int signal) {
  const char* what = signal == SIGALRM ? "goes round and round" : "crashed";
  const std::string text = std::string(what) + "; " + how_to_repeat() + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

// What the process makes once, and keeps, is made here.
void warm_up() {
  static const bool warm = [] {
    for (const int signal : {SIGSEGV, SIGABRT, SIGILL, SIGBUS, SIGALRM})
      std::signal(signal, on_crash);
    ::setenv("LAUNCHPAD_LOG", "off", 0);  // Connections end all the time here.
    World::get().set_warming(true);
    World::get().run(1, [] {  // The process's own threads, which never end.
      using Pace = courier::Flusher::Pace;
      for (const Pace pace : {Pace::kSoon, Pace::kInBurst, Pace::kLater})
        courier::Flusher::at(pace).add({});
    });
    for (running = 0; running < 64; ++running) run_schedule(running);
    World::get().set_warming(false);
    return true;
  }();
  ASSERT_TRUE(warm);
}

class Simulation : public testing::TestWithParam<uint64_t> {};

// One life in the world. Empty, or why it did not end.
std::string live(uint64_t seed, const Weather& weather, const std::function<void()>& life) {
  Network::get().begin(weather);
  running = seed;
  std::string hang = World::get().run(seed, life);
  Network::get().begin({});
  return hang;
}

TEST_P(Simulation, EachCallEndsExactlyOnceAndNothingIsLeft) {
  warm_up();
  const uint64_t first = base::fresh_seed();
  uint64_t calls = 0;
  uint64_t most_steps = 0;
  for (uint64_t i = GetParam(); i < schedules(); i += kShards) {
    running = first + i;
    const Outcome outcome = run_schedule(running);
    calls += outcome.calls;
    most_steps = std::max(most_steps, outcome.steps);
    for (const std::string& complaint : outcome.complaints) ADD_FAILURE() << complaint;
    if (outcome.complaints.empty()) continue;
    FAIL() << "after " << i / kShards << " others; " << how_to_repeat();
  }
  std::printf("%lu calls, at most %lu steps\n", static_cast<unsigned long>(calls),
              static_cast<unsigned long>(most_steps));
}

INSTANTIATE_TEST_SUITE_P(Shard, Simulation, testing::Range<uint64_t>(0, kShards));

TEST(Simulation, IsRepeatedExactlyByItsSeed) {
  warm_up();
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Outcome one = run_schedule(seed);
    const Outcome other = run_schedule(seed);
    ASSERT_EQ(one.trace, other.trace) << seed;
    ASSERT_EQ(one.steps, other.steps) << seed;
  }
}

// A narrow and slow connection takes 20 small calls that nobody waits for yet.
TEST(Simulation, AConnectionThatTakesNothingKeepsNobodyBusy) {
  warm_up();
  World& world = World::get();
  const std::string hang = live(1, {.latency = kSecond, .capacity = 600}, [] {
    const net::Address address{net::Kind::kTcp, "localhost", 7};
    courier::Server server;
    LP_CHECK(server.router()
                 .bind("echo",
                       [](courier::Call call) {
                         call.reply(make_payload(number_in(call.arguments()).value(), 100, 0));
                       })
                 .ok());
    LP_CHECK(server.start(net::listen(address).value()).ok());
    const auto channel = courier::Channel::make(address, {});
    EXPECT_TRUE(channel->peer({}).ok());
    std::vector<std::shared_ptr<courier::Pending>> calls;
    for (uint64_t i = 0; i < 20; ++i)
      calls.push_back(channel->start("echo", make_payload(i, 200, 0), {}).value());
    std::this_thread::sleep_for(base::Nanos(60 * kSecond));
    for (uint64_t i = 0; i < calls.size(); ++i)
      EXPECT_EQ(number_in(channel->wait(calls[i]).value()), i);
    channel->close();
  });
  EXPECT_EQ(hang, "");
  EXPECT_LT(world.steps(), 20'000U);  // To try every 50 us takes 120,000.
}

// The machine sleeps for ten times as long as a server waits for greetings, at any moment of one.
TEST(Simulation, AServerThatSleptHearsWhoGreetedMeanwhile) {
  warm_up();
  World& world = World::get();
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Weather weather{.latency = seed % 2 == 0 ? 0 : 100 * kMicrosecond};
    const std::string hang = live(seed, weather, [&] {
      const net::Address address{net::Kind::kTcp, "localhost", 7};
      const auto token = net::Token::of(std::string(64, 'a')).value();
      courier::Server server({.token = token, .greeting_patience = base::Nanos(kSecond)});
      LP_CHECK(server.start(net::listen(address).value()).ok());
      std::thread sleeper([&] {
        std::this_thread::sleep_for(base::Nanos(world.dice().below(2 * kMillisecond)));
        world.pass(10 * kSecond);
      });
      const auto channel =
          courier::Channel::make(address, {.wait_for_ready = false, .token = token});
      const auto peer = channel->peer({});
      EXPECT_TRUE(peer.ok()) << seed << ": " << peer.error().message;
      sleeper.join();
      channel->close();
    });
    ASSERT_EQ(hang, "");
  }
}

// Some connect and call when the server, which waits for nobody, has begun to stop.
TEST(Simulation, AServerThatStopsTellsEachCallThatItHasRead) {
  warm_up();
  World& world = World::get();
  for (uint64_t seed = 0; seed < kSchedules / 10; ++seed) {
    const std::string hang = live(seed, {}, [&] {
      world.pace() = {.longest_step = 20 * kMicrosecond, .preempt_one_in = 4};
      const net::Address address{net::Kind::kInproc, "sim", 0};
      auto server = std::make_unique<courier::Server>();
      const auto echo = [](courier::Call call) { call.reply({}); };
      LP_CHECK(server->router().bind("echo", echo).ok());
      LP_CHECK(server->start(net::listen(address).value()).ok());
      std::thread stopper([&] {
        std::this_thread::sleep_for(base::Nanos(world.dice().below(200 * kMicrosecond)));
        server->stop(base::Deadline::after(base::Nanos(0)));
        server.reset();
      });
      std::vector<std::thread> callers;
      for (int i = 0; i < 4; ++i) {
        callers.emplace_back([&] {
          const auto channel = courier::Channel::make(address, {.wait_for_ready = false});
          std::vector<Result<std::shared_ptr<courier::Pending>>> calls;
          for (int j = 0; j < 3; ++j) calls.push_back(channel->start("echo", {}, {}));
          for (const auto& call : calls) {
            const auto answer = call.ok() ? channel->wait(call.value()) : call.error();
            EXPECT_TRUE(answer.ok() || answer.error().code == Code::kUnavailable)
                << seed << ": " << answer.error().message;
          }
          channel->close();
        });
      }
      for (auto& caller : callers) caller.join();
      stopper.join();
    });
    ASSERT_EQ(hang, "");
  }
}

}  // namespace
}  // namespace lp::simulation
