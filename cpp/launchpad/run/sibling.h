// fork_sibling is fork, but the new process is a child of the caller's parent, which can wait for
// it as for any child of its own: that is how a launcher's nodes are its children though another
// process forks them. The process must have one thread only, and handlers of pthread_atfork do not
// run.
#pragma once

#include <sys/types.h>

namespace lp::run {

// Whether this process has one thread, and this machine's C library can be told of the fork.
bool can_fork_sibling();

// 0 in the new process; -1 with errno.
pid_t fork_sibling();

}  // namespace lp::run
