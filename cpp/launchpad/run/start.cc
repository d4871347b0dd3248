#include "launchpad/run/start.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

namespace lp::run {

void stand_alone(pid_t parent, int guardian) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // It died before the line above.
  if (guardian < 0) return;
  const GuardianMessage message{GuardianMessage::kGuard, ::getpid()};
  if (::write(guardian, &message, sizeof(message)) < 0) ::_exit(127);
}

void settle(const char* cwd, const cpu_set_t* cpus, int report) {
  if (cwd != nullptr && ::chdir(cwd) != 0) give_up(report, StartStep::kChdir);
  if (cpus != nullptr && ::sched_setaffinity(0, sizeof(cpu_set_t), cpus) != 0)
    give_up(report, StartStep::kCpus);
}

void give_up(int report, StartStep step) {
  const StartReport failure{step, errno};
  if (::write(report, &failure, sizeof(failure)) < 0) {
    // The launcher sees a process that ended.
  }
  ::_exit(127);
}

}  // namespace lp::run
