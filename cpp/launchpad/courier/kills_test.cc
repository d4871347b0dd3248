// Servers and clients that are killed (SIGKILL) at random moments under load: every call ends,
// soon, and nothing is left. LP_KILLS says how many of each; LP_SEED repeats a run.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "launchpad/base/rng.h"
#include "launchpad/courier/test_objects.h"
#include "launchpad/shm/pool.h"

extern char** environ;

namespace lp::courier {
namespace {

namespace fs = std::filesystem;
using Time = std::chrono::steady_clock::time_point;

int kills() {
  const char* text = std::getenv("LP_KILLS");
  return text != nullptr ? std::atoi(text) : 100;
}

// A process that ends by SIGKILL only.
class Victim {
 public:
  Victim(const std::string& mode, const std::string& address) {
    const std::string program = std::string(LP_TEST_PROGRAMS) + "/kills_test_program";
    const char* argv[] = {program.c_str(), mode.c_str(), address.c_str(), nullptr};
    EXPECT_EQ(
        ::posix_spawn(&pid_, program.c_str(), nullptr, nullptr, const_cast<char**>(argv), environ),
        0);
  }
  ~Victim() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
};

size_t open_descriptors() {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

// Mappings of memory that is shared with others.
size_t shared_mappings() {
  std::ifstream maps("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    count += line.find("memfd:launchpad") != std::string::npos;
  }
  return count;
}

// Makes all kinds of calls from a few threads, whatever comes of them.
class Load {
 public:
  explicit Load(const std::string& address) : desk_(Client<Desk>::connect(address)) {
    for (int i = 0; i < 3; ++i) threads_.emplace_back([this, i] { work(i); });
  }
  ~Load() {
    over_.store(true);
    for (auto& thread : threads_) thread.join();
  }

  uint64_t done() const { return done_.load(); }
  std::vector<std::string> complaints() {
    std::lock_guard lock(mutex_);
    return complaints_;
  }
  // The longest that a call took to fail.
  base::Nanos slowest_failure() {
    std::lock_guard lock(mutex_);
    return slowest_;
  }

 private:
  void work(int kind) {
    const Tensor large(DType::kFloat32, {50'000});
    for (int i = 0; !over_.load(); ++i) {
      const Time start = std::chrono::steady_clock::now();
      try {
        if (kind == 0) expect(desk_.call<&Desk::add>(i, 1) == i + 1, "a wrong sum");
        if (kind == 1) expect(desk_.call<&Desk::mirror>(large).size() == 50'000, "a wrong array");
        if (kind == 2) many(i);
        ++done_;
      } catch (const Error& error) {
        expect(error.code == Code::kUnavailable, error.what());
        std::lock_guard lock(mutex_);
        slowest_ = std::max<base::Nanos>(slowest_, std::chrono::steady_clock::now() - start);
      }
    }
  }
  void many(int i) {
    std::vector<Future<int>> sums;
    for (int j = 0; j < 40; ++j) sums.push_back(desk_.async<&Desk::add>(i, j));
    for (int j = 0; j < 40; ++j) expect(sums[j].get() == i + j, "a wrong sum of many");
  }
  void expect(bool right, const std::string& complaint) {
    if (right) return;
    std::lock_guard lock(mutex_);
    if (complaints_.size() < 10) complaints_.push_back(complaint);
  }

  Client<Desk> desk_;
  std::atomic<bool> over_{false};
  std::atomic<uint64_t> done_{0};
  std::mutex mutex_;
  std::vector<std::string> complaints_;
  base::Nanos slowest_{0};
  std::vector<std::thread> threads_;
};

class Kills : public testing::Test {
 protected:
  // Goes on until `count` more calls have been answered.
  static void wait_for_calls(const Load& load, uint64_t count) {
    const uint64_t until = load.done() + count;
    while (load.done() < until) std::this_thread::yield();
  }
  // Ends reach the server's threads a little later.
  static bool soon(const std::function<bool()>& holds) {
    const auto patience = base::Deadline::after(std::chrono::seconds(20));
    while (!holds()) {
      shm::Pool::instance().trim();
      if (patience.passed()) return false;
      std::this_thread::yield();
    }
    return true;
  }

  const uint64_t seed_ = base::fresh_seed();
  base::Rng rng_{seed_};
};

TEST_F(Kills, OfServersFailTheCallsOnTheirWayAndNoOthers) {
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed_));
  const std::string address = fresh_address("unix");
  const size_t descriptors = open_descriptors();
  {
    auto server = std::make_unique<Victim>("serve", address);
    Load load(address);
    for (int i = 0; i < kills(); ++i) {
      wait_for_calls(load, 1 + rng_() % 300);
      server.reset();
      server = std::make_unique<Victim>("serve", address);
    }
    wait_for_calls(load, 1);
    EXPECT_EQ(load.complaints(), std::vector<std::string>{});
    RecordProperty("slowest_failure_us", static_cast<int>(load.slowest_failure().count() / 1000));
    std::printf("slowest failure: %.1f ms\n",
                static_cast<double>(load.slowest_failure().count()) / 1e6);
    // With the time that the next server needs to be there, on a busy machine.
    EXPECT_LT(load.slowest_failure(), std::chrono::seconds(5));
  }
  fs::remove(address.substr(5));  // A killed server cannot.
  EXPECT_TRUE(soon([&] { return open_descriptors() <= descriptors && shared_mappings() == 0; }))
      << open_descriptors() << " descriptors, before " << descriptors << "; " << shared_mappings()
      << " mappings";
}

TEST_F(Kills, OfClientsLeaveNothingInTheServer) {
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed_));
  const size_t descriptors = open_descriptors();
  {
    Desk desk;
    Server server({.threads = 4});
    serve_at(server, desk);
    const size_t serving = open_descriptors();
    std::vector<std::unique_ptr<Victim>> clients(3);
    for (int i = 0; i < kills(); ++i) {
      clients[rng_() % clients.size()] = std::make_unique<Victim>("call", server.address().str());
      const auto moment = base::Deadline::after(std::chrono::microseconds(rng_() % 8000));
      while (!moment.passed()) std::this_thread::yield();
    }
    clients.clear();
    EXPECT_TRUE(soon([&] { return open_descriptors() <= serving; }))
        << open_descriptors() << " descriptors, before " << serving;
    EXPECT_EQ(Client<Desk>::connect(server.address().str()).call<&Desk::add>(1, 2), 3);
  }
  EXPECT_TRUE(soon([&] { return open_descriptors() <= descriptors && shared_mappings() == 0; }))
      << open_descriptors() << " descriptors, before " << descriptors << "; " << shared_mappings()
      << " mappings";
}

}  // namespace
}  // namespace lp::courier
