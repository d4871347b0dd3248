#include "launchpad/launch/fork_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "launchpad/run/fork_point.h"
#include "launchpad/run/fork_request.h"

namespace lp::launching {
namespace {

static_assert(run::kForkServerFd == kControlFd && run::kForkServerPlaceholder == kListeningFd);

Error system_failure(const std::string& what) {
  return Error(Code::kResourceExhausted, what + ": " + std::strerror(errno));
}

Environment parse(const std::vector<std::string>& flat) {
  Environment environment;
  for (const std::string& entry : flat) {
    const size_t equals = entry.find('=');
    environment[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return environment;
}

// Signals are for the threads of the user, and none must come between fork and exec.
template <class F>
std::thread quiet_thread(F&& f) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread(std::forward<F>(f));
  } catch (const std::system_error&) {
    // It is not joinable.
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Result<std::shared_ptr<ForkServer>> ForkServer::start(const ForkServerOptions& options) {
  Environment environment = current_environment();
  for (const auto& [name, value] : options.env) environment[name] = value;
  environment[run::kForkServerVariable] = "1";
  LP_TRY_ASSIGN(Executable executable, prepare(options.command, environment));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return system_failure("cannot make a socket");
  base::Fd ours(ends[0]);
  LP_TRY_ASSIGN(const base::Fd theirs, out_of_the_way(base::Fd(ends[1])));
  LP_TRY_ASSIGN(const base::Fd null,
                out_of_the_way(base::Fd(::open("/dev/null", O_RDWR | O_CLOEXEC))));
  std::shared_ptr<ForkServer> server(
      new ForkServer(options, std::move(executable), std::move(ours)));
  // What it prints before it is a node is nobody's; what goes wrong there goes wrong in the nodes
  // too, which then are started afresh.
  const Inheritance inheritance{.input = null.get(),
                                .output = null.get(),
                                .errors = null.get(),
                                .control = theirs.get(),
                                .listening = null.get(),
                                .guardian = -1};
  server->thread_ = quiet_thread([&server = *server, inheritance] { server.hold(inheritance); });
  if (!server->thread_.joinable()) return Error(Code::kResourceExhausted, "cannot start a thread");
  LP_TRY_ASSIGN(server->pid_,
                server->state_.wait(
                    std::nullopt, [](const State& state) { return state.started.has_value(); },
                    [](const State& state, bool) { return *state.started; }));
  return server;
}

void ForkServer::hold(const Inheritance& inheritance) {
  ::pthread_setname_np(::pthread_self(), "lp-forks");
  Result<ChildProcess> child = ChildProcess::fork(executable_, inheritance);
  Status started = child.ok() ? child->started(executable_) : Status(child.error());
  state_.with_notify([&](State& state) {
    state.started = started.ok() ? Result<pid_t>(child->pid()) : Result<pid_t>(started.error());
  });
  state_.wait(
      std::nullopt, [](const State& state) { return state.closing; }, [](State&, bool) {});
  if (child.ok()) {
    child->kill();
    child->reap([] {});
  }
  state_.with_notify([](State& state) { state.closed = true; });
  // Until then it is the parent of the forks, which die with it.
  state_.wait(
      std::nullopt, [](const State& state) { return state.over; }, [](State&, bool) {});
}

void ForkServer::close() {
  state_.with_notify([](State& state) { state.closing = true; });
  state_.wait(
      std::nullopt, [](const State& state) { return state.closed; }, [](State&, bool) {});
  socket_.reset();
}

ForkServer::~ForkServer() {
  if (!thread_.joinable()) return;
  close();
  state_.with_notify([](State& state) { state.over = true; });
  thread_.join();
}

bool ForkServer::works_at_start_only(const std::string& variable) const {
  return std::any_of(options_.start_variables.begin(), options_.start_variables.end(),
                     [&](const std::string& name) {
                       return name.ends_with('*')
                                  ? variable.starts_with(name.substr(0, name.size() - 1))
                                  : variable == name;
                     });
}

std::vector<run::EnvironmentChange> ForkServer::changes_to(
    const std::vector<std::string>& env) const {
  const Environment before = parse(executable_.env), after = parse(env);
  std::vector<run::EnvironmentChange> changes;
  for (const auto& [name, value] : before) {
    if (!after.contains(name)) changes.push_back({name, std::nullopt});
  }
  for (const auto& [name, value] : after) {
    const auto known = before.find(name);
    if (known == before.end() || known->second != value) changes.push_back({name, value});
  }
  return changes;
}

bool ForkServer::suits(const Executable& executable, const Inheritance& inheritance) const {
  if (executable.path != executable_.path || executable.argv != executable_.argv) return false;
  if (options_.counted_cpus && !executable.cpus.empty()) return false;
  if (inheritance.kept.size() > run::kMaxForkDescriptors / 2) return false;
  size_t size = executable.cwd.size() + 4096;
  for (const run::EnvironmentChange& change : changes_to(executable.env)) {
    if (works_at_start_only(change.name)) return false;
    size += change.name.size() + change.value.value_or("").size() + 16;
  }
  return size <= run::kMaxForkRequest;
}

Result<ChildProcess> ForkServer::fork(const Executable& executable,
                                      const Inheritance& inheritance) const {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("cannot make a pipe");
  base::Fd reading(ends[0]);
  const base::Fd writing(ends[1]);
  run::ForkRequest request{.environment = changes_to(executable.env),
                           .cwd = executable.cwd,
                           .cpus = executable.cpus,
                           .numbers = {0, 1, 2, kControlFd}};
  run::ForkDescriptors theirs{
      writing.get(),
      inheritance.guardian,
      {inheritance.input, inheritance.output, inheritance.errors, inheritance.control}};
  if (inheritance.listening >= 0) {
    request.numbers.push_back(kListeningFd);
    theirs.given.push_back(inheritance.listening);
  }
  for (const int fd : inheritance.kept) {
    request.numbers.push_back(fd);
    theirs.given.push_back(fd);
  }
  LP_TRY(run::send_fork_request(socket_.get(), request, theirs));
  return ChildProcess::asked_for(std::move(reading));
}

}  // namespace lp::launching
