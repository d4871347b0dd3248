// Supervisor decides what a run does next, from what happened to its tasks: which failure was the
// first, when to stop, when to kill. A state machine without I/O; time is passed in. The run's
// supervising thread owns it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/base/result.h"

namespace lp::launching {

// How a task's process or thread ended.
struct Ending {
  enum class Kind {
    kReturned,   // A thread that came to its end (an exception is reported before).
    kExited,     // A process; `number` is its exit status.
    kSignalled,  // A process; `number` is the signal.
    kLost,       // A process whose status somebody else took.
    kLeft,       // A thread that did not stop in time and is left behind.
  };
  Kind kind = Kind::kReturned;
  int number = 0;
};

class Supervisor {
 public:
  // How long a node's complaint that another one is gone waits for the news of that other one's
  // failure.
  static constexpr std::chrono::milliseconds kGrace{1000};

  // `notice`: from the stop to the kill; negative: no kill.
  Supervisor(std::vector<std::string> names, std::chrono::milliseconds notice);

  // What happened. A report comes before the ending of its task.
  void on_report(size_t task, const Error& error, base::TimePoint now);
  void on_end(size_t task, Ending ending, base::TimePoint now);
  void on_stop_request(base::TimePoint now);
  void on_kill_request(base::TimePoint now);
  void on_time(base::TimePoint now);

  // What to do: ask every node to stop; end those that still run.
  bool stopping() const { return stopping_; }
  bool killing() const { return killing_; }
  bool kill_requested() const { return kill_requested_; }
  bool done() const { return running_ == 0; }
  bool ended(size_t task) const { return tasks_[task].ended; }
  // When on_time must be called next.
  std::optional<base::TimePoint> next() const;
  // Until when nodes may stop by themselves; none: no limit, or no stop.
  const std::optional<base::TimePoint>& limit() const { return limit_; }

  std::vector<std::string> running() const;
  // Those that did not stop in time.
  std::vector<std::string> overdue() const;
  const std::optional<Error>& failure() const { return failure_; }
  // The run's result, once it is done.
  Status outcome() const;

 private:
  struct Task {
    std::string name;
    bool ended = false;
    bool reported = false;
    bool overdue = false;
  };
  struct Held {
    Error error;
    base::TimePoint until;
  };

  void on_failure(const Task& task, Error error, bool peer_gone, base::TimePoint now);
  void fail(Error error, base::TimePoint now);
  void begin_stop(base::TimePoint now);
  void begin_kill();

  std::vector<Task> tasks_;
  std::chrono::milliseconds notice_;
  size_t running_;
  bool stopping_ = false;
  bool killing_ = false;
  bool kill_requested_ = false;
  std::optional<base::TimePoint> limit_;
  std::optional<Held> held_;
  std::optional<Error> failure_;
};

// "a/0, b/1".
std::string join_names(const std::vector<std::string>& names);

}  // namespace lp::launching
