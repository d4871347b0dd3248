#include "launchpad/launch/supervisor.h"

#include <signal.h>

#include <utility>

namespace lp::launching {
namespace {

std::string signal_name(int number) {
  static constexpr std::pair<int, const char*> kNames[] = {
      {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
      {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
      {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
      {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"},
      {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"}};
  for (const auto& [known, name] : kNames) {
    if (known == number) return std::to_string(number) + " (" + name + ")";
  }
  return std::to_string(number);
}

Error describe_report(const std::string& name, const Error& report) {
  Error error = report;
  error.message = "node '" + name + "' failed: ";
  if (report.remote()) {
    error.message += report.remote_type + (report.message.empty() ? "" : ": ");
  } else if (report.message.empty()) {
    error.message += code_name(report.code);
  }
  error.message += report.message;
  if (!report.remote_trace.empty()) error.message += "\n" + report.remote_trace;
  while (error.message.back() == '\n') error.message.pop_back();
  return error;
}

Error describe_ending(const std::string& name, const Ending& ending) {
  const std::string node = "node '" + name + "' ";
  if (ending.kind == Ending::Kind::kSignalled) {
    return Error(Code::kUnknown, node + "was killed by signal " + signal_name(ending.number));
  }
  if (ending.kind == Ending::Kind::kExited) {
    return Error(Code::kUnknown, node + "exited with code " + std::to_string(ending.number));
  }
  return Error(
      Code::kUnknown,
      node +
          "ended, but other code of the launcher's process took its exit status (waitpid for any "
          "child, or an ignored SIGCHLD)");
}

bool is_failure(const Ending& ending) {
  switch (ending.kind) {
    case Ending::Kind::kReturned:
    case Ending::Kind::kLeft:
      return false;
    case Ending::Kind::kExited:
      return ending.number != 0;
    case Ending::Kind::kSignalled:
    case Ending::Kind::kLost:
      return true;
  }
  return true;
}

// What somebody who ends the whole program by hand sends to its nodes too.
bool is_asked_for(const Ending& ending) {
  return ending.kind == Ending::Kind::kLost ||
         (ending.kind == Ending::Kind::kSignalled &&
          (ending.number == SIGTERM || ending.number == SIGINT));
}

}  // namespace

Supervisor::Supervisor(std::vector<std::string> names, std::chrono::milliseconds notice)
    : notice_(notice), running_(names.size()) {
  for (std::string& name : names) tasks_.push_back(Task{std::move(name)});
}

void Supervisor::on_report(size_t number, const Error& error, base::TimePoint now) {
  Task& task = tasks_[number];
  if (std::exchange(task.reported, true)) return;
  const bool peer_gone = error.code == Code::kUnavailable || error.code == Code::kCancelled;
  on_failure(task, describe_report(task.name, error), peer_gone, now);
}

void Supervisor::on_end(size_t number, Ending ending, base::TimePoint now) {
  Task& task = tasks_[number];
  if (std::exchange(task.ended, true)) return;
  --running_;
  const bool expected = task.reported || (stopping_ && is_asked_for(ending));
  if (is_failure(ending) && !expected)
    on_failure(task, describe_ending(task.name, ending), false, now);
  // Nobody is left who could have been the cause.
  if (done() && held_) fail(std::exchange(held_, std::nullopt)->error, now);
}

void Supervisor::on_failure(const Task& task, Error error, bool peer_gone, base::TimePoint now) {
  if (failure_ || task.overdue) return;
  if (!peer_gone) return fail(std::move(error), now);
  // After the stop was asked for peers end, and whoever still talks to them is right to complain.
  if (stopping_ || held_) return;
  held_ = Held{std::move(error), now + kGrace};
}

void Supervisor::fail(Error error, base::TimePoint now) {
  failure_ = std::move(error);
  begin_stop(now);
}

void Supervisor::on_stop_request(base::TimePoint now) {
  if (stopping_) return;
  // Whoever asked may have ended at once, and be what the complaint is about.
  begin_stop(now);
}

void Supervisor::begin_stop(base::TimePoint now) {
  held_.reset();
  if (std::exchange(stopping_, true)) return;
  if (notice_.count() >= 0) limit_ = now + notice_;
  if (notice_.count() == 0) begin_kill();
}

void Supervisor::on_kill_request(base::TimePoint now) {
  kill_requested_ = true;
  begin_stop(now);
  begin_kill();
}

void Supervisor::begin_kill() {
  if (std::exchange(killing_, true)) return;
  for (Task& task : tasks_) task.overdue = !task.ended;
}

void Supervisor::on_time(base::TimePoint now) {
  if (held_ && now >= held_->until) fail(std::exchange(held_, std::nullopt)->error, now);
  if (limit_ && now >= *limit_) begin_kill();
}

std::optional<base::TimePoint> Supervisor::next() const {
  if (held_) return held_->until;
  if (limit_ && !killing_) return limit_;
  return std::nullopt;
}

std::vector<std::string> Supervisor::running() const {
  std::vector<std::string> names;
  for (const Task& task : tasks_) {
    if (!task.ended) names.push_back(task.name);
  }
  return names;
}

std::vector<std::string> Supervisor::overdue() const {
  std::vector<std::string> names;
  for (const Task& task : tasks_) {
    if (task.overdue) names.push_back(task.name);
  }
  return names;
}

Status Supervisor::outcome() const {
  if (failure_) return *failure_;
  if (kill_requested_ && !overdue().empty()) {
    return Error(Code::kAborted,
                 "the program was killed before these nodes ended: " + join_names(overdue()));
  }
  return {};
}

std::string join_names(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

}  // namespace lp::launching
