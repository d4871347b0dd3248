// Starting a process: all is prepared before the fork, so that between fork and exec nothing is
// allocated and no lock is taken (the launcher has other threads). A child is its own process group
// and is killed with the thread that forked it, or for which a fork server did. One thread at a
// time.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launchpad/base/fd.h"
#include "launchpad/graph/plan.h"
#include "launchpad/launch/supervisor.h"
#include "launchpad/run/start.h"

namespace lp::launching {

// Numbers of what a child inherits beside standard input, output and error.
inline constexpr int kControlFd = 3;
inline constexpr int kListeningFd = 4;

using Environment = std::map<std::string, std::string>;

// This process's environment.
Environment current_environment();

// What to execute.
struct Executable {
  std::string path;
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "NAME=value".
  std::string cwd;               // Empty: the launcher's.
  std::vector<int> cpus{};       // Empty: the launcher's.
};

// Looks the command up in PATH. NOT_FOUND if it is not there.
Result<Executable> prepare(const graph::Command& command, const Environment& environment);

// The binary of this process, started with the command's arguments, whatever the first of them is.
Result<Executable> prepare_self(const graph::Command& command, const Environment& environment);

// What graph::Command::output names, opened for a child. NOT_FOUND, PERMISSION_DENIED ... with its
// path.
Result<base::Fd> open_output(const std::string& path);

// Descriptors of the launcher that a child gets as 0 to 4; listening -1: none. `guardian` is told
// the process group before the exec; -1: nobody is.
struct Inheritance {
  int input;
  int output;
  int errors;
  int control;
  int listening;
  int guardian;
  // Further ones, that a child keeps under their numbers; all out of the way.
  std::vector<int> kept{};
};

class ChildProcess {
 public:
  // Forks. Whether the exec succeeded says `started`.
  static Result<ChildProcess> fork(const Executable& executable, const Inheritance& inheritance);
  // One that a fork server is to fork, which tells its number through the pipe `report`.
  static ChildProcess asked_for(base::Fd report);

  // Waits for the exec, or the fork. NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT with the
  // command's name; UNAVAILABLE: the fork server ended, and there is no process.
  Status started(const Executable& executable);
  // Waits for its number, if that is not known; UNAVAILABLE as above.
  Status born();
  // Readable once `started` need not wait.
  int report() const { return report_.get(); }

  // -1: not known yet.
  pid_t pid() const { return pid_; }
  // Readable once the process ended.
  int pidfd() const { return pidfd_.get(); }
  // Kills the process group.
  void kill() const;
  // Only once the process ended: kills what is left of its group, calls `before_reaped`, reaps it.
  template <class F>
  Ending reap(F&& before_reaped) {
    const Ending ending = look();
    before_reaped();
    finish();
    return ending;
  }

 private:
  std::optional<run::StartReport> hear() const;
  Ending look() const;
  void finish();

  pid_t pid_ = -1;
  base::Fd pidfd_;
  base::Fd report_;
};

// In a child before its exec: signals do what they do by default, and none is blocked.
// Async-signal-safe.
void reset_signals();

// The same descriptor under a number that no child's 0 to 4 can collide with; closed on exec.
Result<base::Fd> out_of_the_way(base::Fd fd);

}  // namespace lp::launching
