// Guardian is a process beside the launcher that outlives it by a moment: when the launcher dies,
// by kill -9 too, it kills the process groups of the run's nodes and removes the run directory. It
// shares no more with the launcher than a pipe, and runs async-signal-safe code only. Owned by a
// run's supervising thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "launchpad/base/fd.h"
#include "launchpad/base/result.h"
#include "launchpad/run/start.h"

namespace lp::launching {

using run::GuardianMessage;

class Guardian {
 public:
  // For at most `groups` groups at a time; `files` and then `directory` are removed if the launcher
  // dies.
  static Result<Guardian> start(size_t groups, std::vector<std::string> files,
                                std::string directory);

  Guardian(Guardian&&) noexcept = default;
  Guardian& operator=(Guardian&&) = delete;
  // Ends it, without killing anything.
  ~Guardian();

  // Where a child writes kGuard with its group.
  int fd() const { return pipe_.get(); }
  void forget(pid_t group) const;

 private:
  Guardian(base::Fd pipe, pid_t pid) : pipe_(std::move(pipe)), pid_(pid) {}

  base::Fd pipe_;
  pid_t pid_;
};

}  // namespace lp::launching
