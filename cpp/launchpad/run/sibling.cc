#include "launchpad/run/sibling.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace lp::run {
namespace {

// Where the C library keeps the number of this thread, which must become the new one's: the kernel
// knows, since it clears the place at the thread's end. Null: it keeps something else there.
int* thread_number() {
  int* place = nullptr;
  if (::prctl(PR_GET_TID_ADDRESS, &place) != 0 || place == nullptr) return nullptr;
  return *place == static_cast<int>(::syscall(SYS_gettid)) ? place : nullptr;
}

long clone_like_fork(int* number) {
  // As the C library's own fork, but for the parent.
  constexpr unsigned long kFlags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
                                   static_cast<unsigned long>(SIGCHLD);
#if defined(__x86_64__)
  return ::syscall(SYS_clone, kFlags, nullptr, nullptr, number, nullptr);
#elif defined(__aarch64__) || defined(__riscv)
  return ::syscall(SYS_clone, kFlags, nullptr, nullptr, nullptr, number);
#else
  errno = ENOSYS;
  return -1;
#endif
}

}  // namespace

bool can_fork_sibling() {
  std::error_code error;
  const std::filesystem::directory_iterator threads("/proc/self/task", error);
  return !error && std::distance(begin(threads), std::filesystem::directory_iterator()) == 1 &&
         thread_number() != nullptr;
}

pid_t fork_sibling() {
  int* const number = thread_number();
  if (number == nullptr) {
    errno = ENOSYS;
    return -1;
  }
  void* robust = nullptr;
  size_t size = 0;
  const bool has_robust = ::syscall(SYS_get_robust_list, 0, &robust, &size) == 0;
  const long pid = clone_like_fork(number);
  // The kernel forgets the list of mutexes to unlock when a thread dies.
  if (pid == 0 && has_robust) ::syscall(SYS_set_robust_list, robust, size);
  return static_cast<pid_t>(pid);
}

}  // namespace lp::run
