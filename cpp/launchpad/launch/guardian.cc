#include "launchpad/launch/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launchpad/launch/child_process.h"
#include "launchpad/launch/kernel.h"

namespace lp::launching {
namespace {

// What the guardian works with: memory of the launcher's that was made before the fork. Raw
// pointers, since it must neither allocate nor free.
struct Watch {
  int pipe;
  int launcher;  // A pidfd; -1: the pipe's end alone tells. (A fork of the launcher may hold the
                 // pipe open.)
  pid_t* groups;
  size_t capacity;
  size_t count = 0;
  const char* const* files;
  size_t file_count;
  const char* directory;
};

// All below is async-signal-safe.
void stand_apart(const Watch& watch) {
  ::setsid();
  ::prctl(PR_SET_NAME, "lp-guardian");
  struct sigaction action {};
  for (int number = 1; number < NSIG; ++number) {
    // It ends with its launcher; what asks both to end must not reach it first.
    const bool ignored = number == SIGINT || number == SIGTERM || number == SIGHUP ||
                         number == SIGQUIT || number == SIGPIPE || number == SIGTSTP;
    action.sa_handler = ignored ? SIG_IGN : SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);

  // Standard streams that somebody waits for the end of must not stay open here. 3 and 4 are ours.
  ::dup2(watch.pipe, 3);
  if (watch.launcher >= 0) ::dup2(watch.launcher, 4);
  close_range(watch.launcher >= 0 ? 5 : 4, 0);
  for (int fd = 0; fd < 3; ++fd) ::close(fd);
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, 1);
  ::dup2(null, 2);
  if (::chdir("/") != 0) {
    // Then it keeps a directory busy.
  }
}

void note(Watch& watch, const GuardianMessage& message) {
  if (message.kind == GuardianMessage::kGuard && watch.count < watch.capacity) {
    watch.groups[watch.count++] = message.group;
  }
  if (message.kind != GuardianMessage::kForget) return;
  for (size_t i = 0; i < watch.count; ++i) {
    if (watch.groups[i] == message.group) watch.groups[i--] = watch.groups[--watch.count];
  }
}

// Reads until the launcher is dead (returns) or ends the guardian (does not).
void listen_until_death(Watch& watch) {
  bool dead = false;
  for (;;) {
    pollfd fds[] = {{3, POLLIN, 0}, {watch.launcher >= 0 ? 4 : -1, POLLIN, 0}};
    if (!dead && ::poll(fds, 2, -1) < 0) continue;
    // What is in the pipe comes before the death.
    if (fds[1].revents != 0) dead = true;
    pollfd pipe{3, POLLIN, 0};
    if (::poll(&pipe, 1, 0) <= 0) {
      if (dead) return;
      continue;
    }
    GuardianMessage message{};
    const ssize_t size = ::read(3, &message, sizeof(message));
    if (size < 0 && errno == EINTR) continue;
    if (size != static_cast<ssize_t>(sizeof(message))) return;
    if (message.kind == GuardianMessage::kEnd) ::_exit(0);
    note(watch, message);
  }
}

[[noreturn]] void guard(Watch watch) {
  stand_apart(watch);
  listen_until_death(watch);
  for (size_t i = 0; i < watch.count; ++i) ::kill(-watch.groups[i], SIGKILL);
  for (size_t i = 0; i < watch.file_count; ++i) ::unlink(watch.files[i]);
  ::rmdir(watch.directory);
  ::_exit(0);
}

Error system_failure(const std::string& what) {
  return Error(Code::kResourceExhausted, what + ": " + std::strerror(errno));
}

}  // namespace

Result<Guardian> Guardian::start(size_t groups, std::vector<std::string> files,
                                 std::string directory) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("cannot make a pipe");
  base::Fd write_end(ends[1]);
  LP_TRY_ASSIGN(const base::Fd read_end, out_of_the_way(base::Fd(ends[0])));
  LP_TRY_ASSIGN(write_end, out_of_the_way(std::move(write_end)));
  base::Fd launcher(pidfd_open(::getpid()));
  if (launcher.valid()) {
    LP_TRY_ASSIGN(launcher, out_of_the_way(std::move(launcher)));
  }
  std::vector<pid_t> room(groups + 1);
  std::vector<const char*> paths;
  for (const std::string& file : files) paths.push_back(file.c_str());
  Watch watch{read_end.get(), launcher.get(), room.data(),      room.size(), 0,
              paths.data(),   paths.size(),   directory.c_str()};
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure("cannot start the guardian process");
  if (pid == 0) guard(watch);
  return Guardian(std::move(write_end), pid);
}

Guardian::~Guardian() {
  if (!pipe_.valid()) return;
  const GuardianMessage message{GuardianMessage::kEnd, 0};
  if (::write(pipe_.get(), &message, sizeof(message)) < 0) {
    // It is dead already.
  }
  pipe_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Guardian::forget(pid_t group) const {
  const GuardianMessage message{GuardianMessage::kForget, group};
  if (::write(pipe_.get(), &message, sizeof(message)) < 0) {
    // It is dead already.
  }
}

}  // namespace lp::launching
