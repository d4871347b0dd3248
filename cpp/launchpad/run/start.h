// What a process of a launcher does first, whether it was forked by the launcher itself or by the
// launcher's fork server, and whom it tells: the launcher through a pipe that closes once it has
// started, the guardian through its own. Async-signal-safe; for the new process alone.
#pragma once

#include <sched.h>
#include <sys/types.h>

namespace lp::run {

// What goes through the launcher's pipe; small enough to be written whole.
enum class StartStep : int { kForked = 1, kChdir, kCpus, kExec };
struct StartReport {
  StartStep step;
  int value;  // kForked: the new process's number. The others failed: errno.
};

// What goes through the guardian's pipe; small enough to be written whole.
struct GuardianMessage {
  enum Kind : int { kGuard = 1, kForget = 2, kEnd = 3 };
  int kind;
  pid_t group;
};

// Makes this process a group of its own that dies with the thread of `parent` that it is a child
// of, and tells the guardian (-1: there is none). Ends it if one of them is dead.
void stand_alone(pid_t parent, int guardian);

// Goes to the directory and the CPUs; null: stays. Gives up if it cannot.
void settle(const char* cwd, const cpu_set_t* cpus, int report);

// Tells errno, and ends this process.
[[noreturn]] void give_up(int report, StartStep step);

}  // namespace lp::run
