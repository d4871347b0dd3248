// Courier's clients and servers in a simulated world: 100,000 short lives (LP_SCHEDULES), each from
// a seed of its own. LP_SEED=<seed> LP_SCHEDULES=1 repeats one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "launchpad/base/rng.h"
#include "simulation/schedule.h"
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
  const std::string text = "crashed; " + how_to_repeat() + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

// What the process makes once, and keeps, is made here.
void warm_up() {
  static const bool warm = [] {
    for (const int signal : {SIGSEGV, SIGABRT, SIGILL, SIGBUS}) std::signal(signal, on_crash);
    ::setenv("LAUNCHPAD_LOG", "off", 0);  // Connections end all the time here.
    World::get().set_warming(true);
    for (running = 0; running < 64; ++running) run_schedule(running);
    World::get().set_warming(false);
    return true;
  }();
  ASSERT_TRUE(warm);
}

class Simulation : public testing::TestWithParam<uint64_t> {};

TEST_P(Simulation, EachCallEndsExactlyOnceAndNothingIsLeft) {
  warm_up();
  const uint64_t first = base::fresh_seed();
  uint64_t calls = 0;
  for (uint64_t i = GetParam(); i < schedules(); i += kShards) {
    running = first + i;
    const Outcome outcome = run_schedule(running);
    calls += outcome.calls;
    for (const std::string& complaint : outcome.complaints) ADD_FAILURE() << complaint;
    if (outcome.complaints.empty()) continue;
    FAIL() << "after " << i / kShards << " others; " << how_to_repeat();
  }
  std::printf("%lu calls\n", static_cast<unsigned long>(calls));
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

}  // namespace
}  // namespace lp::simulation
