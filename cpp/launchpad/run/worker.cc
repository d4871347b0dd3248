#include "launchpad/run/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "launchpad/base/event.h"
#include "launchpad/base/guarded.h"
#include "launchpad/base/log.h"
#include "launchpad/courier/serve.h"
#include "launchpad/run/control.h"
#include "launchpad/run/roster.h"
#include "launchpad/run/run_dir.h"

namespace lp::run {
namespace {

// Where the SIGTERM handler writes; -1: nobody listens.
std::atomic<int> terminate_event{-1};
// The process that the handler is for; a fork of it has the handler too.
std::atomic<pid_t> terminate_owner{0};

void on_terminate(int number) {
  const int saved = errno;
  if (::getpid() != terminate_owner.load()) {
    ::signal(number, SIG_DFL);
    ::raise(number);
    return;
  }
  const int event = terminate_event.load();
  if (event >= 0) base::set_event(event);
  errno = saved;
}

Result<std::string> read_file(const std::string& path) {
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid())
    return Error(Code::kNotFound, "cannot read '" + path + "': " + std::strerror(errno));
  std::string content;
  for (;;) {
    char buffer[64 * 1024];
    const ssize_t size = ::read(file.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0)
      return Error(Code::kDataLoss, "cannot read '" + path + "': " + std::strerror(errno));
    if (size == 0) return content;
    content.append(buffer, static_cast<size_t>(size));
  }
}

// Takes over an inherited descriptor that must be a Unix socket of this type.
Result<base::Fd> inherited_socket(int fd, int type) {
  int domain = 0;
  int found = 0;
  socklen_t size = sizeof(int);
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX ||
      ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &found, &size) != 0 || found != type) {
    return Error(Code::kInvalidArgument, "LAUNCHPAD_WORKER names descriptor " + std::to_string(fd) +
                                             ", which is no socket of a launcher: it must reach "
                                             "the worker by exec, with the descriptors "
                                             "that the launcher made");
  }
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return base::Fd(fd);
}

// The token in the memory that the launcher made; nothing that this process starts inherits it.
Result<net::Token> inherited_token(int fd) {
  auto token = net::Token::inherited(base::Fd(fd));
  if (token.ok()) return token;
  return Error(Code::kInvalidArgument, "LAUNCHPAD_WORKER names descriptor " + std::to_string(fd) +
                                           ", which has no token of a launcher: it must reach the "
                                           "worker by exec, with the descriptors that the launcher "
                                           "made");
}

// What the worker and its control thread share; the thread may outlive the worker inside a stop
// handler.
struct Link {
  struct Phase {
    bool closed = false;    // The worker is gone: run no more handlers.
    bool handling = false;  // Stop handlers are running.
  };

  void wake() const { base::set_event(event.get()); }

  base::Fd control;
  base::Fd event;      // Wakes the control thread: closed.
  base::Fd terminate;  // SIGTERM came.
  std::shared_ptr<StopSignal> stop = std::make_shared<StopSignal>();
  std::atomic<bool> stop_asked{false};
  std::atomic<bool> failure_told{false};
  base::Guarded<Phase> phase;
};

// The launcher died: what this process started must not stay behind.
[[noreturn]] void end_with_launcher() {
  if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

void run_stop_handlers(Link& link) {
  const bool wanted = link.phase.with([](Link::Phase& phase) {
    phase.handling = !phase.closed;
    return phase.handling;
  });
  if (!wanted) return;
  link.stop->request();
  link.phase.with([](Link::Phase& phase) { phase.handling = false; });
}

// Reads what the launcher sent; false: leave.
bool hear_launcher(Link& link) {
  for (;;) {
    Result<std::optional<ControlMessage>> received = receive_control(link.control.get());
    if (!received.ok()) {
      if (received.error().code == Code::kUnavailable) end_with_launcher();
      base::log(base::LogLevel::kWarning, received.error().message);
      continue;
    }
    if (!received.value()) return true;
    if (received.value()->kind == ControlKind::kStop) run_stop_handlers(link);
  }
}

void control_loop(const std::shared_ptr<Link>& link) {
  ::pthread_setname_np(::pthread_self(), "lp-control");
  pollfd fds[] = {{link->event.get(), POLLIN, 0},
                  {link->control.get(), POLLIN, 0},
                  {link->terminate.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(fds, 3, -1) < 0) continue;
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0 && !hear_launcher(*link)) return;
    if (fds[2].revents != 0) {
      fds[2].fd = -1;  // Once is enough.
      run_stop_handlers(*link);
    }
  }
}

class ProcessWorker : public Worker {
 public:
  ProcessWorker(std::shared_ptr<Link> link, std::shared_ptr<const Context> context, Roster roster,
                std::string payload_path)
      : link_(std::move(link)),
        context_(std::move(context)),
        fingerprint_(std::move(roster.fingerprint)),
        payload_path_(std::move(payload_path)),
        published_(context_) {
    hear_terminate();
    // Signals are for the threads of the user.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([link = link_] { control_loop(link); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~ProcessWorker() override {
    if (handles_terminate_) {
      ::signal(SIGTERM, SIG_DFL);
      terminate_event.store(-1);
    }
    const bool handling = link_->phase.with([](Link::Phase& phase) {
      phase.closed = true;
      return phase.handling;
    });
    link_->wake();
    // A handler that never ends must not keep the process from its end.
    if (handling)
      thread_.detach();
    else
      thread_.join();
  }

  std::shared_ptr<const Context> context() const override { return context_; }
  const std::string& fingerprint() const override { return fingerprint_; }
  Result<std::string> payload() const override {
    if (::access(payload_path_.c_str(), F_OK) != 0) return std::string();  // The task has none.
    return read_file(payload_path_);
  }

  void report_failure(const Error& error) override {
    if (link_->failure_told.exchange(true)) return;
    const Status sent = send_control(link_->control.get(), {ControlKind::kFailed, error});
    if (!sent.ok()) base::log(base::LogLevel::kError, sent.error().message);
  }

 private:
  void hear_terminate() {
    struct sigaction before {};
    if (::sigaction(SIGTERM, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) return;
    terminate_owner.store(::getpid());
    terminate_event.store(link_->terminate.get());
    struct sigaction action {};
    action.sa_handler = on_terminate;
    action.sa_flags = SA_RESTART;
    handles_terminate_ = ::sigaction(SIGTERM, &action, nullptr) == 0;
  }

  std::shared_ptr<Link> link_;
  std::shared_ptr<const Context> context_;
  std::string fingerprint_;
  std::string payload_path_;
  PublishedContext published_;
  bool handles_terminate_ = false;
  std::thread thread_;
};

Result<std::shared_ptr<const Context>> make_context(const Roster& roster,
                                                    const Assignment& assignment,
                                                    const std::shared_ptr<Link>& link,
                                                    net::Token token, base::Fd listening,
                                                    std::map<int, base::Fd> inner) {
  auto context = std::make_shared<Context>();
  context->program = roster.program;
  context->label = roster.labels[assignment.task];
  context->index = roster.indices[assignment.task];
  context->task = static_cast<int>(assignment.task);
  context->address_prefix = "unix:" + assignment.run_dir + "/";
  context->address_suffix = ".sock";
  context->task_names = std::make_shared<const std::vector<std::string>>(roster.names());
  context->token = std::move(token);
  context->stop = link->stop;
  context->request_stop = [link] {
    if (link->stop_asked.exchange(true)) return;
    // If it cannot be sent the launcher is dead, and so will this process be.
    (void)send_control(link->control.get(), {ControlKind::kStopRequested});
  };
  if (listening.valid()) {
    LP_TRY_ASSIGN(net::Address address, net::Address::parse(context->address_of(context->task)));
    *context->bound = net::adopt_listener(std::move(listening), std::move(address));
  }
  for (auto& [number, fd] : inner) {
    LP_TRY_ASSIGN(net::Address address, net::Address::parse(context->address_of(number)));
    context->inner->emplace(number, net::adopt_listener(std::move(fd), std::move(address)));
  }
  return std::shared_ptr<const Context>(std::move(context));
}

}  // namespace

bool is_worker_process() { return std::getenv(kWorkerVariable) != nullptr; }

Result<std::unique_ptr<Worker>> Worker::from_environment() {
  const char* value = std::getenv(kWorkerVariable);
  if (value == nullptr) {
    return Error(Code::kFailedPrecondition, "this process was not started by a launcher");
  }
  Result<Assignment> decoded = Assignment::decode(value);
  ::unsetenv(kWorkerVariable);
  LP_TRY_ASSIGN(const Assignment assignment, std::move(decoded));

  auto link = std::make_shared<Link>();
  LP_TRY_ASSIGN(link->control, inherited_socket(assignment.control, SOCK_SEQPACKET));
  LP_TRY_ASSIGN(net::Token token, inherited_token(assignment.token));
  base::Fd listening;
  if (assignment.listening >= 0) {
    LP_TRY_ASSIGN(listening, inherited_socket(assignment.listening, SOCK_STREAM));
  }
  std::map<int, base::Fd> inner;
  for (const auto& [number, fd] : assignment.inner) {
    LP_TRY_ASSIGN(inner[number], inherited_socket(fd, SOCK_STREAM));
  }
  LP_TRY_ASSIGN(std::string content, read_file(assignment.run_dir + "/" + kRosterName));
  LP_TRY_ASSIGN(Roster roster, Roster::decode(content));
  if (assignment.task >= roster.labels.size()) {
    return Error(Code::kInvalidArgument,
                 "LAUNCHPAD_WORKER names task " + std::to_string(assignment.task) +
                     ", the program has " + std::to_string(roster.labels.size()));
  }
  link->event = base::make_event();
  link->terminate = base::make_event();
  if (!link->event.valid() || !link->terminate.valid()) {
    return Error(Code::kResourceExhausted,
                 std::string("cannot make an eventfd: ") + std::strerror(errno));
  }
  // Its output goes to the launcher's terminal line by line; a killed node must not take lines with
  // it.
  ::setvbuf(stdout, nullptr, _IOLBF, 0);

  LP_TRY_ASSIGN(auto context, make_context(roster, assignment, link, std::move(token),
                                           std::move(listening), std::move(inner)));
  std::string payload_path = assignment.run_dir + "/" + RunDir::payload_name(assignment.task);
  return std::unique_ptr<Worker>(std::make_unique<ProcessWorker>(
      std::move(link), std::move(context), std::move(roster), std::move(payload_path)));
}

int run_worker(Worker& worker, const std::function<void(std::shared_ptr<const Context>)>& entry,
               const std::function<Error()>& describe) {
  const ScopedContext scope(worker.context());
  int status = 0;
  try {
    entry(worker.context());
  } catch (...) {
    worker.report_failure(describe ? describe() : courier::describe_current_exception());
    status = 1;
  }
  // The process may end now, but not in the middle of what shall be done at the stop. Handlers that
  // take too long end with it when the launcher's patience does.
  worker.context()->stop->wait_for_handlers();
  return status;
}

}  // namespace lp::run
