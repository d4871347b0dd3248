// ForkPoint is the fork server's end of its talk with the launcher: a process that has done what
// every worker does first (imports), forks for each request and so saves that work. The forks are
// the launcher's children. Made from the environment variable LAUNCHPAD_FORK_SERVER. One thread,
// the only one of its process.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "launchpad/run/fork_request.h"

namespace lp::run {

// The variable whose presence makes a process a fork server; its socket is kForkServerFd.
inline constexpr const char* kForkServerVariable = "LAUNCHPAD_FORK_SERVER";
inline constexpr int kForkServerFd = 3;
// Where nothing of the process may be open, since a fork's descriptors come there: the launcher
// opens it for its fork server as a placeholder.
inline constexpr int kForkServerPlaceholder = 4;

bool is_fork_server_process();

// What a language does around a fork.
struct ForkHooks {
  std::function<void()> before, after_in_parent, after_in_child;
};

// Forks until the launcher wants no more: then nothing. In each fork: the changes of its
// environment, which are made. FAILED_PRECONDITION: the process cannot be forked, as it has several
// threads.
Result<std::optional<std::vector<EnvironmentChange>>> serve_forks(const ForkHooks& hooks);

}  // namespace lp::run
