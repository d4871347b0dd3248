#include "launchpad/launch/supervision.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "launchpad/base/log.h"
#include "launchpad/run/control.h"

namespace lp::launching {
namespace {

constexpr std::chrono::seconds kCountdown{1};
// So many nodes are being started at the same time.
constexpr size_t kStartsAtOnce = 16;

// A line to standard error; dropped where that would block.
void say(const std::string& text) {
  pollfd fd{2, POLLOUT, 0};
  if (::poll(&fd, 1, 0) != 1 || (fd.revents & POLLOUT) == 0) return;
  const std::string line = text + "\n";
  if (::write(2, line.data(), line.size()) < 0) {
    // Nobody reads it.
  }
}

base::TimePoint now() { return base::steady_clock().now(); }

Error named(const std::string& name, Error error) {
  error.message = "node '" + name + "' cannot be started: " + error.message;
  return error;
}

Error system_failure(const std::string& what) {
  return Error(Code::kResourceExhausted, what + ": " + std::strerror(errno));
}

// Both ends of a pipe, reading end first.
Result<std::pair<base::Fd, base::Fd>> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("cannot make a pipe");
  base::Fd reading(ends[0]);
  LP_TRY_ASSIGN(base::Fd writing, out_of_the_way(base::Fd(ends[1])));
  return std::pair(std::move(reading), std::move(writing));
}

Result<base::Fd> duplicate(int fd) {
  base::Fd own(::fcntl(fd, F_DUPFD_CLOEXEC, kListeningFd + 1));
  if (!own.valid()) return system_failure("cannot duplicate a descriptor");
  return own;
}

}  // namespace

Supervision::Supervision(Preparation preparation, std::shared_ptr<RunState> state)
    : preparation_(std::move(preparation)),
      state_(std::move(state)),
      supervisor_(preparation_.names, preparation_.notice),
      returned_(preparation_.names.size()) {}

void Supervision::run() {
  ::pthread_setname_np(::pthread_self(), "lp-supervisor");
  published_.emplace(preparation_.context);
  Status started = start_processes();
  if (!started.ok()) {
    abort_start();
    published_.reset();
    state_->progress.with_notify([&](auto& progress) { progress.started = started; });
    return;
  }
  start_threads();
  state_->progress.with_notify([&](auto& progress) {
    progress.ended.resize(preparation_.names.size());
    progress.started = Status();
  });
  act();
  while (!over()) step();
  finish();
}

Status Supervision::start_processes() {
  if (preparation_.processes.empty()) return {};
  const std::string& directory = preparation_.run_dir->path();
  LP_TRY_ASSIGN(Guardian guardian, Guardian::start(preparation_.processes.size(),
                                                   preparation_.run_dir_files, directory));
  guardian_.emplace(std::move(guardian));
  LP_TRY_ASSIGN(const base::Fd null,
                out_of_the_way(base::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
  // Side by side, as far as descriptors reach.
  std::vector<ProcessStart>& starts = preparation_.processes;
  for (size_t i = 0; i < starts.size() + kStartsAtOnce; ++i) {
    if (i >= kStartsAtOnce) LP_TRY(await_start(i - kStartsAtOnce, null.get()));
    if (i >= starts.size()) continue;
    Result<Process> process = start_process(starts[i], null.get());
    if (!process.ok()) return named(preparation_.names[starts[i].task], process.error());
    processes_.push_back(std::move(process).value());
  }
  if (preparation_.fork_server) preparation_.fork_server->close();
  starts.clear();
  output_.start();
  return {};
}

Status Supervision::await_start(size_t number, int null) {
  ProcessStart& start = preparation_.processes[number];
  Process& process = processes_[number];
  // Who wants the program to end need not wait for a fork server that does not come to serve.
  pollfd fds[] = {{process.child.report(), POLLIN, 0},
                  {state_->signals ? state_->signals->fd() : -1, POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  if (fds[1].revents != 0 && preparation_.fork_server) preparation_.fork_server->close();
  Status status = process.child.started(start.executable);
  if (!status.ok() && status.error().code == Code::kUnavailable) {
    base::log(base::LogLevel::kInfo, status.error().message + ", nodes are started afresh");
    start.may_fork = false;
    Result<Process> afresh = start_process(start, null);
    if (!afresh.ok()) return named(preparation_.names[start.task], afresh.error());
    process = std::move(afresh).value();
    status = process.child.started(start.executable);
  }
  if (!status.ok()) return named(preparation_.names[start.task], status.error());
  start.listening.reset();
  start.inner.clear();
  start.output.reset();
  return {};
}

Result<ChildProcess> Supervision::make_child(const ProcessStart& start,
                                             const Inheritance& inheritance) {
  ForkServer* const server = preparation_.fork_server.get();
  if (server != nullptr && start.may_fork && server->suits(start.executable, inheritance)) {
    Result<ChildProcess> child = server->fork(start.executable, inheritance);
    if (child.ok() || child.error().code != Code::kUnavailable) return child;
  }
  return ChildProcess::fork(start.executable, inheritance);
}

Result<Supervision::Process> Supervision::start_process(ProcessStart& start, int null) {
  // Both ends, the launcher's first, if it prints where the launcher does.
  std::pair<base::Fd, base::Fd> out, err;
  const bool reads = !start.output.valid() && start.names_lines;
  if (reads) {
    LP_TRY_ASSIGN(out, make_pipe());
    LP_TRY_ASSIGN(err, make_pipe());
  } else if (!start.output.valid()) {
    LP_TRY_ASSIGN(out.second, duplicate(1));
    LP_TRY_ASSIGN(err.second, duplicate(2));
  }
  LP_TRY_ASSIGN(auto control, run::control_pair());
  LP_TRY_ASSIGN(const base::Fd theirs, out_of_the_way(std::move(control.second)));
  if (start.listening.valid()) {
    LP_TRY_ASSIGN(start.listening, out_of_the_way(std::move(start.listening)));
  }
  const int own = start.output.get();
  std::vector<int> kept = {preparation_.token.get()};
  for (const base::Fd& fd : start.inner) kept.push_back(fd.get());
  const Inheritance inheritance{.input = ::isatty(own) == 1 ? own : null,
                                .output = own >= 0 ? own : out.second.get(),
                                .errors = own >= 0 ? own : err.second.get(),
                                .control = theirs.get(),
                                .listening = start.listening.get(),
                                .guardian = guardian_->fd(),
                                .kept = std::move(kept)};
  LP_TRY_ASSIGN(ChildProcess child, make_child(start, inheritance));
  if (reads) {
    const std::string& name = preparation_.names[start.task];
    output_.add(std::move(out.first), false, name, start.task);
    output_.add(std::move(err.first), true, name, start.task);
  }
  return Process{start.task, std::move(child), std::move(control.first)};
}

void Supervision::abort_start() {
  // Then each fork that was asked for either is there or never will be.
  if (preparation_.fork_server) preparation_.fork_server->close();
  std::erase_if(processes_, [](Process& process) { return !process.child.born().ok(); });
  for (const Process& process : processes_) process.child.kill();
  for (Process& process : processes_)
    process.child.reap([&] { guardian_->forget(process.child.pid()); });
  processes_.clear();
  guardian_.reset();
  preparation_.run_dir.reset();
  preparation_.terminal.reset();
}

void Supervision::start_threads() {
  for (ThreadStart& start : preparation_.threads) {
    const size_t task = start.task;
    Result<ThreadTask> thread = ThreadTask::start(std::move(start), state_->inbox);
    if (thread.ok()) {
      threads_.push_back(std::move(thread).value());
      continue;
    }
    // Those that run cannot be undone, only stopped.
    supervisor_.on_report(task, thread.error(), now());
    supervisor_.on_end(task, {Ending::Kind::kReturned}, now());
  }
  preparation_.threads.clear();
}

bool Supervision::over() const {
  if (!supervisor_.done()) return false;
  // Stop handlers get as much time as nodes.
  return handlers_done_ || kill_begun_ || (supervisor_.limit() && now() >= *supervisor_.limit());
}

std::optional<base::TimePoint> Supervision::next() const {
  std::optional<base::TimePoint> next = supervisor_.next();
  if (next_countdown_ && (!next || *next_countdown_ < *next)) next = next_countdown_;
  return next;
}

void Supervision::step() {
  std::vector<pollfd> fds;
  fds.push_back({state_->inbox->event.get(), POLLIN, 0});
  fds.push_back({state_->signals ? state_->signals->fd() : -1, POLLIN, 0});
  for (const Process& process : processes_) fds.push_back({process.child.pidfd(), POLLIN, 0});
  for (const Process& process : processes_) fds.push_back({process.control.get(), POLLIN, 0});
  const std::optional<base::TimePoint> until = next();
  const base::Deadline deadline = until ? base::Deadline(*until) : base::Deadline();
  if (::poll(fds.data(), fds.size(), deadline.poll_timeout()) < 0 && errno != EINTR) {
    base::log(base::LogLevel::kError, std::string("cannot poll: ") + std::strerror(errno));
  }

  if (fds[1].revents != 0) hear_signals();
  const size_t count = processes_.size();
  for (size_t i = 0; i < count; ++i) {
    processes_[i].ended = fds[2 + i].revents != 0;
    processes_[i].spoke = fds[2 + count + i].revents != 0;
  }
  // Those that ended come first: they may be what the others complain about.
  reap();
  for (Process& process : processes_) {
    if (process.spoke) hear_control(process);
  }
  hear_inbox();
  supervisor_.on_time(now());
  act();
}

void Supervision::hear_signals() {
  while (const int number = state_->signals->read_number()) {
    const bool first = signals_heard_++ == 0;
    if (first && number != SIGQUIT) {
      say("User-requested termination. Asking nodes to stop (Ctrl-C again kills).");
      supervisor_.on_stop_request(now());
    } else if (!kill_begun_) {
      say("User-requested termination. Killing nodes.");
      supervisor_.on_kill_request(now());
    }
  }
}

void Supervision::reap() {
  std::vector<std::pair<Process*, Ending>> ended;
  for (Process& process : processes_) {
    if (!process.ended) continue;
    ended.emplace_back(&process,
                       process.child.reap([&] { guardian_->forget(process.child.pid()); }));
  }
  // Of those that are seen to have ended at the same time, one that was killed did so of no other's
  // doing.
  std::stable_partition(ended.begin(), ended.end(), [](const auto& one) {
    return one.second.kind == Ending::Kind::kSignalled;
  });
  for (auto& [process, ending] : ended) {
    hear_control(*process);
    supervisor_.on_end(process->task, ending, now());
  }
  std::erase_if(processes_, [](const Process& process) { return process.ended; });
}

void Supervision::hear_control(Process& process) {
  while (process.control.valid()) {
    Result<std::optional<run::ControlMessage>> received =
        run::receive_control(process.control.get());
    if (!received.ok() && received.error().code == Code::kUnavailable) {
      process.control.reset();  // Only the process's end tells that it ended.
    } else if (!received.ok()) {
      base::log(base::LogLevel::kWarning,
                "node '" + preparation_.names[process.task] + "' sent " + received.error().message);
    } else if (!received.value()) {
      return;
    } else if (received.value()->kind == run::ControlKind::kFailed) {
      supervisor_.on_report(process.task, received.value()->error, now());
    } else if (received.value()->kind == run::ControlKind::kStopRequested) {
      supervisor_.on_stop_request(now());
    }
  }
}

void Supervision::hear_inbox() {
  Inbox::Content content = state_->inbox->take();
  if (content.handlers_done) handlers_done_ = true;
  for (const auto& [task, error] : content.ended) {
    returned_[task] = true;
    if (error) supervisor_.on_report(task, *error, now());
    supervisor_.on_end(task, {Ending::Kind::kReturned}, now());
  }
  if (content.stop) supervisor_.on_stop_request(now());
  if (content.kill) supervisor_.on_kill_request(now());
}

void Supervision::act() {
  if (supervisor_.stopping() && !std::exchange(stop_begun_, true)) begin_stop();
  if (supervisor_.killing() && !std::exchange(kill_begun_, true)) begin_kill();
  count_down();
  publish();
}

void Supervision::begin_stop() {
  for (const Process& process : processes_) {
    if (process.control.valid())
      (void)run::send_control(process.control.get(), {run::ControlKind::kStop});
  }
  next_countdown_ = now() + kCountdown;
  handlers_done_ = false;
  try {
    stopper_ = std::thread([state = state_] {
      state->stop->request();
      state->inbox->post_handlers_done();
    });
  } catch (const std::system_error&) {
    state_->stop->request();
    handlers_done_ = true;
  }
}

void Supervision::begin_kill() {
  next_countdown_.reset();
  std::vector<std::string> killed, left;
  for (const Process& process : processes_) {
    process.child.kill();
    killed.push_back(preparation_.names[process.task]);
  }
  for (const ThreadTask& thread : threads_) {
    if (supervisor_.ended(thread.task())) continue;
    supervisor_.on_end(thread.task(), {Ending::Kind::kLeft}, now());
    left.push_back(preparation_.names[thread.task()]);
  }
  output_.hurry();
  const std::chrono::duration<double> notice = preparation_.notice;
  char seconds[32];
  std::snprintf(seconds, sizeof(seconds), "%g s", notice.count());
  const std::string which =
      supervisor_.kill_requested()
          ? "launchpad: these nodes still ran and were "
          : std::string("launchpad: these nodes did not stop within ") + seconds + " and were ";
  const bool expected = preparation_.notice.count() == 0 && !supervisor_.kill_requested();
  if (!killed.empty() && !expected) say(which + "killed: " + join_names(killed));
  if (!left.empty()) say(which + "left behind: " + join_names(left));
}

void Supervision::count_down() {
  if (supervisor_.done()) next_countdown_.reset();
  if (!next_countdown_ || now() < *next_countdown_) return;
  const std::string names = join_names(supervisor_.running());
  if (supervisor_.limit()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*supervisor_.limit() - now());
    say("Waiting for nodes to stop for " + std::to_string((left.count() + 999) / 1000) +
        " s: " + names);
  } else {
    say("Waiting for nodes to stop: " + names);
  }
  // Somebody who watches wants to see that it goes on; a file does not.
  if (::isatty(2) == 1 && supervisor_.limit())
    next_countdown_ = *next_countdown_ + kCountdown;
  else
    next_countdown_.reset();
}

void Supervision::publish() {
  std::vector<bool> ended(preparation_.names.size());
  for (size_t task = 0; task < ended.size(); ++task) ended[task] = supervisor_.ended(task);
  state_->progress.with_notify([&](RunState::Progress& progress) {
    progress.ended = std::move(ended);
    progress.failure = supervisor_.failure();
  });
}

void Supervision::finish() {
  for (ThreadTask& thread : threads_) {
    if (returned_[thread.task()])
      thread.join();
    else
      thread.leave();
  }
  if (stopper_.joinable()) {
    if (handlers_done_)
      stopper_.join();
    else
      stopper_.detach();
  }
  output_.finish();
  guardian_.reset();
  preparation_.run_dir.reset();
  preparation_.terminal.reset();
  published_.reset();
  state_->progress.with_notify(
      [&](RunState::Progress& progress) { progress.outcome = supervisor_.outcome(); });
}

}  // namespace lp::launching
