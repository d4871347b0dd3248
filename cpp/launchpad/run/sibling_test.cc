#include "launchpad/run/sibling.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace lp::run {
namespace {

// ThreadSanitizer has a thread of its own.
#ifdef __SANITIZE_THREAD__
constexpr bool kCan = false;
#else
constexpr bool kCan = true;
#endif

TEST(Sibling, TheForkIsAChildOfTheParentAndKnowsItself) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t test = ::getpid();
  const pid_t middle = ::fork();
  if (middle == 0) {
    if (can_fork_sibling() != kCan) ::_exit(1);
    if (!kCan) ::_exit(0);
    const pid_t pid = fork_sibling();
    if (pid != 0) ::_exit(pid > 0 && ::write(ends[1], &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1);
    const bool knows = ::getppid() == test && ::gettid() == ::getpid();
    // The C library finds its own thread by the number that it keeps.
    const bool found = ::pthread_kill(::pthread_self(), 0) == 0;
    int other = 1;
    std::thread thread([main = ::pthread_self(), &other] { other = ::pthread_kill(main, 0); });
    thread.join();
    ::_exit(knows && found && other == 0 ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(middle, &status, 0), middle);
  ASSERT_EQ(WEXITSTATUS(status), 0);
  ::close(ends[1]);
  pid_t sibling = -1;
  if (::read(ends[0], &sibling, sizeof(sibling)) == sizeof(sibling)) {
    ASSERT_EQ(::waitpid(sibling, &status, 0), sibling);
    EXPECT_EQ(WEXITSTATUS(status), 7);
  } else {
    EXPECT_FALSE(kCan);
  }
  ::close(ends[0]);
}

TEST(Sibling, AProcessWithThreadsCannot) {
  EXPECT_EQ(can_fork_sibling(), kCan);
  std::thread thread([] { EXPECT_FALSE(can_fork_sibling()); });
  thread.join();
}

}  // namespace
}  // namespace lp::run
