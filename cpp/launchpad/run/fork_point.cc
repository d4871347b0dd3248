#include "launchpad/run/fork_point.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "launchpad/run/sibling.h"
#include "launchpad/run/start.h"

namespace lp::run {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

// A library may have opened what a fork's descriptor is to be called.
bool are_free(const ReceivedForkRequest& received) {
  const auto is_received = [&](int number) {
    return number == received.report.get() || number == received.guardian.get() ||
           std::any_of(received.given.begin(), received.given.end(),
                       [&](const base::Fd& fd) { return fd.get() == number; });
  };
  return std::all_of(
      received.request.numbers.begin(), received.request.numbers.end(), [&](int number) {
        return number <= kForkServerPlaceholder || !is_open(number) || is_received(number);
      });
}

base::Fd moved_beyond(const base::Fd& fd, int limit) {
  return base::Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, limit + 1));
}

// Gives each descriptor its number; false: too many are open.
bool place(ReceivedForkRequest& received) {
  int last = kForkServerPlaceholder;
  for (const int number : received.request.numbers) last = std::max(last, number);
  std::vector<base::Fd> moved;
  received.report = moved_beyond(received.report, last);
  received.guardian = moved_beyond(received.guardian, last);
  for (const base::Fd& fd : received.given) moved.push_back(moved_beyond(fd, last));
  received.given.clear();
  ::close(kForkServerFd);
  ::close(kForkServerPlaceholder);
  for (size_t i = 0; i < moved.size(); ++i) {
    if (::dup2(moved[i].get(), received.request.numbers[i]) < 0) return false;
  }
  return received.report.valid();
}

void change_environment(const std::vector<EnvironmentChange>& changes) {
  for (const auto& [name, value] : changes) {
    if (value)
      ::setenv(name.c_str(), value->c_str(), 1);
    else
      ::unsetenv(name.c_str());
  }
}

// In the fork, as the launcher's child.
void become(ReceivedForkRequest received, pid_t launcher) {
  // Not the launcher's child: it is dead.
  if (::getppid() != launcher) ::_exit(127);
  const StartReport forked{StartStep::kForked, ::getpid()};
  if (::write(received.report.get(), &forked, sizeof(forked)) != sizeof(forked)) ::_exit(127);
  stand_alone(launcher, received.guardian.get());
  if (!place(received)) give_up(received.report.get(), StartStep::kExec);
  const ForkRequest& request = received.request;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (const int cpu : request.cpus) CPU_SET(static_cast<size_t>(cpu), &cpus);
  settle(request.cwd.empty() ? nullptr : request.cwd.c_str(),
         request.cpus.empty() ? nullptr : &cpus, received.report.get());
  change_environment(request.environment);
}

}  // namespace

bool is_fork_server_process() { return std::getenv(kForkServerVariable) != nullptr; }

Result<std::optional<std::vector<EnvironmentChange>>> serve_forks(const ForkHooks& hooks) {
  const pid_t launcher = ::getppid();
  if (!can_fork_sibling()) {
    return Error(Code::kFailedPrecondition,
                 "this process has several threads, or its C library cannot be told of a fork");
  }
  for (;;) {
    LP_TRY_ASSIGN(auto received, receive_fork_request(kForkServerFd));
    if (!received) return std::optional<std::vector<EnvironmentChange>>();
    if (!are_free(*received)) continue;  // The report ends, and the launcher helps itself.
    hooks.before();
    const pid_t pid = fork_sibling();
    if (pid == 0) {
      auto changes = received->request.environment;
      become(*std::move(received), launcher);
      hooks.after_in_child();
      return std::optional(std::move(changes));
    }
    hooks.after_in_parent();
  }
}

}  // namespace lp::run
