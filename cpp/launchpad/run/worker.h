// Worker is the end of a launched process that talks to its launcher: it knows which task to run,
// hears the stop, and reports how the task ended. Made once, at the start of a worker process, from
// what it inherited (the environment variable LAUNCHPAD_WORKER, removed then, and open
// descriptors). If the launcher dies, the worker's process group is killed. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "launchpad/run/context.h"

namespace lp::run {

// The variable whose presence makes a process a worker.
inline constexpr const char* kWorkerVariable = "LAUNCHPAD_WORKER";

// True in a process that a launcher started to run a task and that has not made its Worker yet.
bool is_worker_process();

class Worker {
 public:
  // Only if is_worker_process(). INVALID_ARGUMENT for a variable that no launcher wrote.
  static Result<std::unique_ptr<Worker>> from_environment();
  virtual ~Worker() = default;

  // This task's context; its stop signal is requested when the launcher says so, or on SIGTERM.
  virtual std::shared_ptr<const Context> context() const = 0;
  // The fingerprint of the launcher's plan.
  virtual const std::string& fingerprint() const = 0;
  // The task's payload (see graph::Task), read from the run directory.
  virtual Result<std::string> payload() const = 0;
  // Tells the launcher why the task failed. At most once; then the process should exit non-zero.
  virtual void report_failure(const Error& error) = 0;
};

// Runs `entry` as the task of this worker process with its context as the current one; an exception
// is reported as a failure (`describe` turns the current exception into an Error). Returns the exit
// status; if the program is stopping, only once the stop handlers have run.
int run_worker(Worker& worker, const std::function<void(std::shared_ptr<const Context>)>& entry,
               const std::function<Error()>& describe);

}  // namespace lp::run
