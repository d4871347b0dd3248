// System calls that the C library may be too old to have (wheels are built against old ones), under
// their own names. Any thread; async-signal-safe.
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace lp::launching {

// Their numbers are the same on all architectures.
inline int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(434, pid, 0)); }

inline int pidfd_send_signal(int pidfd, int number) {
  return static_cast<int>(::syscall(424, pidfd, number, nullptr, 0));
}

inline constexpr unsigned kMarkCloseOnExec = 4;

inline int close_range(unsigned first, unsigned flags) {
  return static_cast<int>(::syscall(436, first, ~0U, flags));
}

}  // namespace lp::launching
