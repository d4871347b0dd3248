#include "launchpad/shm/doorbell.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace lp::shm {
namespace {

class DoorbellTest : public testing::Test {
 protected:
  DoorbellTest() { doorbell_->use(Doorbell::kNumbers - 1); }

  std::shared_ptr<Doorbell> doorbell_ = Doorbell::create().value_or_throw();
};

TEST_F(DoorbellTest, EachNumberThatWasRungIsTakenOnce) {
  for (const uint32_t number : {0u, 63u, 64u, 1023u, 64u}) EXPECT_FALSE(doorbell_->ring(number));
  std::set<uint32_t> taken;
  while (const auto number = doorbell_->take()) EXPECT_TRUE(taken.insert(*number).second);
  EXPECT_EQ(taken, (std::set<uint32_t>{0, 63, 64, 1023}));
  EXPECT_FALSE(doorbell_->rung());
}

TEST_F(DoorbellTest, ANumberIsHeardOnceItIsInUse) {
  const auto doorbell = Doorbell::create().value_or_throw();
  EXPECT_EQ(doorbell->take(), std::nullopt);
  for (const uint32_t number : {3u, 64u, 1023u}) {
    EXPECT_FALSE(doorbell->ring(number));
    EXPECT_FALSE(doorbell->rung());
    doorbell->use(number);
    EXPECT_TRUE(doorbell->rung());
    EXPECT_EQ(doorbell->take(), number);
  }
  doorbell->use(5);  // And goes on to be so.
  EXPECT_FALSE(doorbell->ring(1023));
  EXPECT_EQ(doorbell->take(), 1023u);
}

TEST_F(DoorbellTest, WhoRingsAllTheTimeDoesNotKeepOthersOut) {
  EXPECT_FALSE(doorbell_->ring(3));
  EXPECT_FALSE(doorbell_->ring(70));
  EXPECT_FALSE(doorbell_->ring(500));
  std::set<uint32_t> taken;
  for (int i = 0; i < 4; ++i) {
    taken.insert(*doorbell_->take());
    EXPECT_FALSE(doorbell_->ring(3));
  }
  EXPECT_EQ(taken, (std::set<uint32_t>{3, 70, 500}));
}

TEST_F(DoorbellTest, WakesAThreadThatSleeps) {
  uint32_t taken = 0;
  std::thread server([&] {
    while (true) {
      const auto bed = doorbell_->enter();
      if (!doorbell_->rung()) doorbell_->sleep(bed);
      doorbell_->leave(bed);
      if (const auto number = doorbell_->take()) {
        taken = *number;
        return;
      }
    }
  });
  while (!doorbell_->anybody_sleeps()) std::this_thread::yield();
  EXPECT_FALSE(doorbell_->ring(7));
  server.join();
  EXPECT_EQ(taken, 7u);
}

// Whether a thread of this process sleeps in the kernel.
bool sleeps(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  const std::string stat((std::istreambuf_iterator<char>(file)), {});
  return stat.at(stat.rfind(')') + 2) == 'S';
}

// Not the one that has slept longest: one thread does all the work that it can do alone.
TEST_F(DoorbellTest, WakesTheSameOneOfManySleepersEachTime) {
  constexpr int kSleepers = 40;  // More than there are places.
  std::vector<std::atomic<pid_t>> beds(kSleepers);
  std::atomic<int> woken{-1};
  std::atomic<bool> end{false};
  const auto sleep_until_end = [&](int number) {
    while (!end.load()) {
      const auto bed = doorbell_->enter();
      beds[number].store(::gettid());
      doorbell_->sleep(bed);
      beds[number].store(0);
      doorbell_->leave(bed);
      if (!end.load()) woken.store(number);
    }
  };
  const auto await_sleep = [&](int number) {
    while (beds[number].load() == 0 || !sleeps(beds[number].load())) std::this_thread::yield();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kSleepers; ++i) {
    threads.emplace_back(sleep_until_end, i);
    await_sleep(i);
  }
  for (int turn = 0; turn < 20; ++turn) {
    EXPECT_TRUE(doorbell_->nudge(1));
    while (woken.load() < 0) std::this_thread::yield();
    const int first = woken.exchange(-1);
    EXPECT_EQ(first, 0);
    await_sleep(first);
  }
  end.store(true);
  doorbell_->nudge(kSleepers);
  for (auto& thread : threads) thread.join();
}

TEST_F(DoorbellTest, AsksForAPokeOnceAndOnlyIfNobodySleeps) {
  EXPECT_FALSE(doorbell_->ring(1));
  doorbell_->ask_for_poke();
  EXPECT_TRUE(doorbell_->ring(1));
  EXPECT_FALSE(doorbell_->ring(1));
  doorbell_->ask_for_poke();
  doorbell_->look(true);
  EXPECT_FALSE(doorbell_->ring(1));
  doorbell_->look(false);
  EXPECT_TRUE(doorbell_->insist(1));
  EXPECT_EQ(doorbell_->take(), 1u);
  EXPECT_FALSE(doorbell_->insist(1));
}

TEST_F(DoorbellTest, IsKeptUntilItIsLetGo) {
  EXPECT_FALSE(doorbell_->kept());
  std::thread server([&] {
    doorbell_->keep();
    std::thread([&] { EXPECT_TRUE(doorbell_->kept()); }).join();
    doorbell_->let_go();
  });
  server.join();
  EXPECT_FALSE(doorbell_->kept());
}

TEST_F(DoorbellTest, TellsThatItsKeeperWasKilled) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t server = ::fork();
  if (server == 0) {
    doorbell_->keep();
    [[maybe_unused]] const ssize_t told = ::write(ready[1], "x", 1);
    while (true) ::pause();
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_TRUE(doorbell_->kept());
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  EXPECT_FALSE(doorbell_->kept());
  EXPECT_FALSE(doorbell_->kept());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(DoorbellTest, AViewOfItRingsTheSameBell) {
  const int fd = ::fcntl(doorbell_->memory()->fd(), F_DUPFD_CLOEXEC, 0);
  const auto view = Doorbell::open(base::Fd(fd)).value_or_throw();
  EXPECT_FALSE(view->ring(9));
  EXPECT_EQ(doorbell_->take(), 9u);
  EXPECT_FALSE(Doorbell::open(base::Fd(::open("/dev/null", O_RDWR))).ok());
}

}  // namespace
}  // namespace lp::shm
