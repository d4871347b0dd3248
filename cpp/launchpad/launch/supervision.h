// Supervision is a run at work: it starts the tasks, watches them, stops and kills them and tidies
// up. All on one thread, that lives as long as the run, since children die with the thread that
// forked them; those of a fork server with that one's. What it has to tell the rest of the process
// lies in RunState.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "launchpad/launch/child_process.h"
#include "launchpad/launch/fork_server.h"
#include "launchpad/launch/guardian.h"
#include "launchpad/launch/inbox.h"
#include "launchpad/launch/output.h"
#include "launchpad/launch/signals.h"
#include "launchpad/launch/terminal.h"
#include "launchpad/launch/thread_task.h"
#include "launchpad/run/run_dir.h"

namespace lp::launching {

// What the supervising thread and those who hold the Run share.
struct RunState {
  struct Progress {
    std::optional<Status> started;  // Whether all tasks could be started.
    std::vector<bool> ended;        // By tasks.
    std::optional<Error> failure;
    std::optional<Status> outcome;  // Once the run is over.
  };

  std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();
  std::shared_ptr<run::StopSignal> stop = std::make_shared<run::StopSignal>();
  std::optional<Signals> signals;  // None: signals are not ours.
  base::Guarded<Progress> progress;
};

struct ProcessStart {
  size_t task = 0;
  Executable executable;
  base::Fd listening;             // Invalid: it does not serve.
  std::vector<base::Fd> inner{};  // Of nodes inside of it; out of the way of 0 to 4.
  base::Fd output{};              // Where it prints. Invalid: where the launcher does,
  bool names_lines = true;        // each line behind the task's name.
  bool may_fork = true;           // It need not be started afresh.
};

// All that is prepared before the first task starts.
struct Preparation {
  std::vector<std::string> names;
  std::vector<ProcessStart> processes;
  std::vector<ThreadStart> threads;
  // The parent of its forks: lives as long as they. Null: all nodes are started afresh.
  std::shared_ptr<ForkServer> fork_server;
  base::Fd token;                          // The run's, for processes to inherit.
  std::optional<run::RunDir> run_dir;      // If there are processes.
  std::vector<std::string> run_dir_files;  // Paths.
  std::unique_ptr<Terminal> terminal;      // Where processes print; or null.
  std::chrono::milliseconds notice;
  std::shared_ptr<const run::Context> context;  // Of the launcher's own threads.
};

class Supervision {
 public:
  Supervision(Preparation preparation, std::shared_ptr<RunState> state);

  // The supervising thread, with all signals blocked.
  void run();

 private:
  struct Process {
    size_t task;
    ChildProcess child;
    base::Fd control;  // Invalid once the worker closed its end.
    bool ended = false;
    bool spoke = false;
  };

  Status start_processes();
  Result<Process> start_process(ProcessStart& start, int null);
  Result<ChildProcess> make_child(const ProcessStart& start, const Inheritance& inheritance);
  // Until the process of that number runs; starts it afresh if the fork server is gone.
  Status await_start(size_t number, int null);
  void abort_start();
  void start_threads();

  bool over() const;
  void step();
  std::optional<base::TimePoint> next() const;
  void hear_signals();
  void reap();
  void hear_control(Process& process);
  void hear_inbox();

  // Carries out what the supervisor decided.
  void act();
  void begin_stop();
  void begin_kill();
  void count_down();
  void publish();
  void finish();

  Preparation preparation_;
  std::optional<run::PublishedContext> published_;  // While the run lasts.
  std::shared_ptr<RunState> state_;
  Supervisor supervisor_;
  Output output_;
  std::optional<Guardian> guardian_;
  std::vector<Process> processes_;  // Those that run.
  std::vector<ThreadTask> threads_;
  std::vector<bool> returned_;  // By tasks: its thread came to its end.
  std::thread stopper_;         // Runs the stop handlers, which may take their time.
  bool handlers_done_ = true;
  bool stop_begun_ = false;
  bool kill_begun_ = false;
  int signals_heard_ = 0;
  std::optional<base::TimePoint> next_countdown_;
};

}  // namespace lp::launching
