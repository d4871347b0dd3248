#include "launchpad/launch/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "launchpad/launch/guardian.h"
#include "launchpad/launch/kernel.h"

namespace lp::launching {
namespace {

enum class Step : int { kChdir, kCpus, kExec };

// What a child that cannot exec tells its parent.
struct ExecFailure {
  Step step;
  int error;
};

// All that the code between fork and exec needs.
struct Launchpoint {
  const char* path;
  char* const* argv;
  char* const* env;
  const char* cwd;
  const cpu_set_t* cpus;
  const Inheritance& inherited;
  int report;
  pid_t parent;
};

// Async-signal-safe.
[[noreturn]] void give_up(const Launchpoint& point, Step step) {
  const ExecFailure failure{step, errno};
  if (::write(point.report, &failure, sizeof(failure)) < 0) {
    // The parent sees a child that ended.
  }
  ::_exit(127);
}

// Async-signal-safe.
[[noreturn]] void become(const Launchpoint& point) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != point.parent) ::_exit(127);  // It died before the line above.
  const GuardianMessage message{GuardianMessage::kGuard, ::getpid()};
  if (::write(point.inherited.guardian, &message, sizeof(message)) < 0) ::_exit(127);
  ::dup2(point.inherited.input, 0);
  ::dup2(point.inherited.output, 1);
  ::dup2(point.inherited.errors, 2);
  ::dup2(point.inherited.control, kControlFd);
  const bool serves = point.inherited.listening >= 0;
  if (serves) ::dup2(point.inherited.listening, kListeningFd);
  // Also what others in this process opened without O_CLOEXEC.
  close_range(static_cast<unsigned>(serves ? kListeningFd : kControlFd) + 1, kMarkCloseOnExec);
  for (const int fd : point.inherited.kept) ::fcntl(fd, F_SETFD, 0);
  if (point.cwd != nullptr && ::chdir(point.cwd) != 0) give_up(point, Step::kChdir);
  if (point.cpus != nullptr && ::sched_setaffinity(0, sizeof(cpu_set_t), point.cpus) != 0)
    give_up(point, Step::kCpus);
  reset_signals();
  ::execve(point.path, point.argv, point.env);
  give_up(point, Step::kExec);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Error system_failure(const std::string& what) {
  return Error(Code::kResourceExhausted, what + ": " + std::strerror(errno));
}

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

Result<std::string> find_program(const std::string& name, const Environment& environment) {
  if (name.empty()) return Error(Code::kInvalidArgument, "its command is empty");
  if (name.find('/') != std::string::npos) return name;  // exec says what is wrong with it.
  const auto found = environment.find("PATH");
  const std::string path = found == environment.end() ? "/bin:/usr/bin" : found->second;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (is_program(candidate)) return candidate;
    begin = end + 1;
  }
  return Error(Code::kNotFound, "there is no program '" + name + "' in PATH");
}

std::vector<std::string> flatten(const Environment& environment) {
  std::vector<std::string> flat;
  for (const auto& [name, value] : environment) flat.push_back(name + "=" + value);
  return flat;
}

// All of an executable but what is executed.
Status prepare_surroundings(const graph::Command& command, const Environment& environment,
                            Executable& executable) {
  executable.env = flatten(environment);
  executable.cwd = command.cwd;
  executable.cpus = command.cpus;
  const long there = std::min<long>(::sysconf(_SC_NPROCESSORS_CONF), CPU_SETSIZE);
  for (const int cpu : command.cpus) {
    if (cpu >= 0 && cpu < there) continue;
    return Error(Code::kInvalidArgument, "there is no CPU " + std::to_string(cpu) +
                                             "; this machine has 0 to " +
                                             std::to_string(there - 1));
  }
  return {};
}

}  // namespace

// Async-signal-safe. exec resets handlers but not what is ignored (Python ignores SIGPIPE); an
// ignored SIGHUP is nohup's, and stays.
void reset_signals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) != 0) continue;
    if (number == SIGHUP && action.sa_handler == SIG_IGN) continue;
    action.sa_handler = SIG_DFL;
    action.sa_flags = 0;
    ::sigaction(number, &action, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

Environment current_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals != text.npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

Result<Executable> prepare(const graph::Command& command, const Environment& outer) {
  Environment environment = outer;
  for (const auto& [name, value] : command.env) environment[name] = value;
  Executable executable;
  executable.argv = command.argv;
  LP_TRY_ASSIGN(executable.path,
                find_program(command.argv.empty() ? "" : command.argv.front(), environment));
  LP_TRY(prepare_surroundings(command, environment, executable));
  return executable;
}

Result<Executable> prepare_self(const graph::Command& command, const Environment& outer) {
  Environment environment = outer;
  for (const auto& [name, value] : command.env) environment[name] = value;
  Executable executable;
  if (command.argv.empty()) {
    return Error(Code::kInvalidArgument,
                 "it has no command, and the launcher's own command line (self_argv) is not known");
  }
  char path[PATH_MAX + 1] = {};
  const ssize_t size = ::readlink("/proc/self/exe", path, PATH_MAX);
  executable.path.assign(path, size > 0 ? static_cast<size_t>(size) : 0);
  // The link works also where the file was replaced since.
  if (!is_program(executable.path)) executable.path = "/proc/self/exe";
  executable.argv = command.argv;
  LP_TRY(prepare_surroundings(command, environment, executable));
  return executable;
}

Result<base::Fd> open_output(const std::string& path) {
  // O_NOCTTY: a terminal stays whose it is.
  constexpr int kFlags = O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC;
  // Read as well if it is a terminal, which cannot be seen before.
  base::Fd fd(::open(path.c_str(), kFlags | O_RDWR, 0666));
  if (!fd.valid()) fd.reset(::open(path.c_str(), kFlags | O_WRONLY, 0666));
  if (!fd.valid()) {
    const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kNotFound
                      : errno == EACCES                   ? Code::kPermissionDenied
                                                          : Code::kInvalidArgument;
    return Error(code, "cannot print to '" + path + "': " + std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && ::ftruncate(fd.get(), 0) != 0)
    return Error(Code::kInvalidArgument, "cannot empty '" + path + "': " + std::strerror(errno));
  return out_of_the_way(std::move(fd));
}

Result<base::Fd> out_of_the_way(base::Fd fd) {
  if (fd.get() > kListeningFd) return fd;
  base::Fd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kListeningFd + 1));
  if (!moved.valid()) return system_failure("cannot duplicate a descriptor");
  return moved;
}

Result<ChildProcess> ChildProcess::fork(const Executable& executable,
                                        const Inheritance& inheritance) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("cannot make a pipe");
  ChildProcess child;
  child.exec_report_.reset(ends[0]);
  LP_TRY_ASSIGN(const base::Fd report, out_of_the_way(base::Fd(ends[1])));
  const std::vector<char*> argv = pointers(executable.argv);
  const std::vector<char*> env = pointers(executable.env);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (const int cpu : executable.cpus) CPU_SET(static_cast<size_t>(cpu), &cpus);
  const Launchpoint point{executable.path.c_str(),
                          argv.data(),
                          env.data(),
                          executable.cwd.empty() ? nullptr : executable.cwd.c_str(),
                          executable.cpus.empty() ? nullptr : &cpus,
                          inheritance,
                          report.get(),
                          ::getpid()};
  // The caller has all signals blocked: no handler of the launcher runs in the child.
  child.pid_ = ::fork();
  if (child.pid_ < 0) return system_failure("cannot start a process");
  if (child.pid_ == 0) become(point);
  ::setpgid(child.pid_, child.pid_);  // Whoever comes first.
  child.pidfd_.reset(pidfd_open(child.pid_));
  if (!child.pidfd_.valid()) {
    Error error = system_failure("cannot watch a process (pidfd_open)");
    child.kill();
    ::waitpid(child.pid_, nullptr, 0);
    return error;
  }
  return child;
}

Status ChildProcess::started(const Executable& executable) {
  ExecFailure failure{};
  ssize_t size;
  do {
    size = ::read(exec_report_.get(), &failure, sizeof(failure));
  } while (size < 0 && errno == EINTR);
  exec_report_.reset();
  if (size != static_cast<ssize_t>(sizeof(failure))) return {};
  const Code code = failure.error == ENOENT || failure.error == ENOTDIR ? Code::kNotFound
                    : failure.error == EACCES                           ? Code::kPermissionDenied
                                                                        : Code::kInvalidArgument;
  const std::string what =
      failure.step == Step::kChdir  ? "cannot change to its directory '" + executable.cwd + "'"
      : failure.step == Step::kCpus ? "cannot run on the CPUs that it is to run on"
                                    : "cannot run '" + executable.path + "'";
  return Error(code, what + ": " + std::strerror(failure.error));
}

void ChildProcess::kill() const {
  if (::kill(-pid_, SIGKILL) != 0) ::kill(pid_, SIGKILL);
}

Ending ChildProcess::look() const {
  siginfo_t info{};
  // Until it is reaped its number, and so that of its group, is nobody else's.
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0) {
    if (errno != EINTR) return {Ending::Kind::kLost};
  }
  if (info.si_code == CLD_EXITED) return {Ending::Kind::kExited, info.si_status};
  return {Ending::Kind::kSignalled, info.si_status};
}

void ChildProcess::finish() {
  ::kill(-pid_, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  pidfd_.reset();
}

}  // namespace lp::launching
