#include "launchpad/shm/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace lp::shm {

Slept futex_wait(std::atomic<uint32_t>& word, uint32_t expected,
                 std::optional<base::Nanos> longest) {
  timespec time{};
  if (longest) {
    if (longest->count() <= 0) return Slept::kTimedOut;
    time = {longest->count() / 1'000'000'000, longest->count() % 1'000'000'000};
  }
  if (::syscall(SYS_futex, &word, FUTEX_WAIT, expected, longest ? &time : nullptr, nullptr, 0) ==
      0) {
    return Slept::kWoken;
  }
  if (errno == ETIMEDOUT) return Slept::kTimedOut;
  return errno == EINTR ? Slept::kInterrupted : Slept::kWoken;
}

void futex_wait_as(std::atomic<uint32_t>& word, uint32_t expected, uint32_t bits) {
  ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, nullptr, nullptr, bits);
}

int futex_wake(std::atomic<uint32_t>& word, int count, uint32_t bits) {
  return static_cast<int>(
      ::syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, count, nullptr, nullptr, bits));
}

}  // namespace lp::shm
