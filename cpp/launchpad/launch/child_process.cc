#include "launchpad/launch/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "launchpad/launch/kernel.h"
#include "launchpad/run/start.h"

namespace lp::launching {
namespace {

using run::StartReport;
using run::StartStep;

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
[[noreturn]] void become(const Launchpoint& point) {
  run::stand_alone(point.parent, point.inherited.guardian);
  ::dup2(point.inherited.input, 0);
  ::dup2(point.inherited.output, 1);
  ::dup2(point.inherited.errors, 2);
  ::dup2(point.inherited.control, kControlFd);
  const bool serves = point.inherited.listening >= 0;
  if (serves) ::dup2(point.inherited.listening, kListeningFd);
  // Also what others in this process opened without O_CLOEXEC.
  close_range(static_cast<unsigned>(serves ? kListeningFd : kControlFd) + 1, kMarkCloseOnExec);
  for (const int fd : point.inherited.kept) ::fcntl(fd, F_SETFD, 0);
  run::settle(point.cwd, point.cpus, point.report);
  reset_signals();
  ::execve(point.path, point.argv, point.env);
  run::give_up(point.report, StartStep::kExec);
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
  child.report_.reset(ends[0]);
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

ChildProcess ChildProcess::asked_for(base::Fd report) {
  ChildProcess child;
  child.report_ = std::move(report);
  return child;
}

Status ChildProcess::born() {
  if (pid_ > 0) return {};
  const std::optional<StartReport> report = hear();
  if (!report || report->step != StartStep::kForked)
    return Error(Code::kUnavailable, "the fork server has ended");
  pid_ = report->value;
  pidfd_.reset(pidfd_open(pid_));
  if (pidfd_.valid()) return {};
  Error error = system_failure("cannot watch a process (pidfd_open)");
  kill();
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  return error;
}

std::optional<StartReport> ChildProcess::hear() const {
  StartReport report{};
  ssize_t size;
  do {
    size = ::read(report_.get(), &report, sizeof(report));
  } while (size < 0 && errno == EINTR);
  if (size != static_cast<ssize_t>(sizeof(report))) return std::nullopt;
  return report;
}

Status ChildProcess::started(const Executable& executable) {
  LP_TRY(born());
  const std::optional<StartReport> failure = hear();
  report_.reset();
  if (!failure) return {};
  const int number = failure->value;
  const Code code = number == ENOENT || number == ENOTDIR ? Code::kNotFound
                    : number == EACCES                    ? Code::kPermissionDenied
                                                          : Code::kInvalidArgument;
  const std::string what =
      failure->step == StartStep::kChdir ? "cannot change to its directory '" + executable.cwd + "'"
      : failure->step == StartStep::kCpus ? "cannot run on the CPUs that it is to run on"
                                          : "cannot run '" + executable.path + "'";
  return Error(code, what + ": " + std::strerror(number));
}

void ChildProcess::kill() const {
  if (pid_ <= 0) return;
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
