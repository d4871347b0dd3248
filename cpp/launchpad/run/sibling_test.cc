#include "launchpad/run/sibling.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <thread>

namespace lp::run {
namespace {

// False if there is a thread of ThreadSanitizer's own, as some versions have it from the start, and
// in each child.
bool is_alone() {
#ifdef __SANITIZE_THREAD__
  using Entries = std::filesystem::directory_iterator;
  return std::distance(Entries("/proc/self/task"), Entries()) == 1;
#else
  return true;
#endif
}

TEST(Sibling, TheForkIsAChildOfTheParentAndKnowsItself) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t test = ::getpid();
  const pid_t middle = ::fork();
  if (middle == 0) {
    const bool can = can_fork_sibling();
    if (can != is_alone()) ::_exit(1);
    if (!can) ::_exit(2);
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
  ::close(ends[1]);
#ifdef __SANITIZE_THREAD__
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "the sanitizer has a thread of its own";
#endif
  ASSERT_EQ(WEXITSTATUS(status), 0);
  pid_t sibling = -1;
  ASSERT_EQ(::read(ends[0], &sibling, sizeof(sibling)), ssize_t{sizeof(sibling)});
  ASSERT_EQ(::waitpid(sibling, &status, 0), sibling);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  ::close(ends[0]);
}

TEST(Sibling, AProcessWithThreadsCannot) {
  EXPECT_EQ(can_fork_sibling(), is_alone());
  std::thread thread([] { EXPECT_FALSE(can_fork_sibling()); });
  thread.join();
}

}  // namespace
}  // namespace lp::run
