#include "launchpad/launch/assistant.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "launchpad/launch/kernel.h"

namespace lp::launching {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// What is there, without waiting for more: a daemon that it left may hold the other end.
std::string drained(const base::Fd& pipe) {
  std::string text;
  char buffer[4096];
  for (ssize_t size; (size = ::read(pipe.get(), buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<size_t>(size));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// Out of the way of 0 to 2; the reading end does not block.
Status make_pipe(base::Fd& reading, base::Fd& writing) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Error(Code::kResourceExhausted,
                 std::string("cannot make a pipe: ") + std::strerror(errno));
  reading.reset(ends[0]);
  ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  LP_TRY_ASSIGN(writing, out_of_the_way(base::Fd(ends[1])));
  return {};
}

}  // namespace

Result<Assistant> Assistant::start(const Executable& executable) {
  Assistant made;
  base::Fd out, err;
  LP_TRY(make_pipe(made.out_, out));
  LP_TRY(make_pipe(made.err_, err));
  LP_TRY_ASSIGN(const base::Fd null,
                out_of_the_way(base::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
  const std::vector<char*> argv = pointers(executable.argv);
  const std::vector<char*> env = pointers(executable.env);
  const pid_t pid = ::fork();
  if (pid < 0)
    return Error(Code::kResourceExhausted,
                 "cannot start '" + executable.path + "': " + std::strerror(errno));
  if (pid == 0) {  // Async-signal-safe from here.
    ::setsid();
    ::dup2(null.get(), 0);
    ::dup2(out.get(), 1);
    ::dup2(err.get(), 2);
    close_range(3, kMarkCloseOnExec);
    reset_signals();
    ::execve(executable.path.c_str(), argv.data(), env.data());
    ::_exit(127);
  }
  made.pid_ = pid;
  made.pidfd_.reset(pidfd_open(pid));
  return made;
}

Assistant::Assistant(Assistant&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      status_(other.status_),
      pidfd_(std::move(other.pidfd_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)) {}

Assistant::~Assistant() { wait(base::Nanos(0)); }

int Assistant::wait(base::Nanos limit) {
  if (pid_ < 0) return status_;
  const auto deadline = base::Deadline::after(limit);
  pollfd fd{pidfd_.get(), POLLIN, 0};
  while (::poll(&fd, 1, deadline.poll_timeout()) < 0 && errno == EINTR) {
  }
  if (fd.revents == 0) ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  output_ = drained(out_);
  errors_ = drained(err_);
  return status_;
}

}  // namespace lp::launching
