// ThreadTask runs one task on a thread of the launcher's process. Its thread may outlive it (a node
// that does not stop): then it is left behind. Owned by a run's supervising thread.
#pragma once

#include <signal.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "launchpad/graph/plan.h"
#include "launchpad/launch/inbox.h"

namespace lp::launching {

struct ThreadStart {
  size_t task = 0;
  std::function<void(std::shared_ptr<const run::Context>)> entry;
  std::shared_ptr<const run::Context> context;
  std::function<void()> on_start;
  std::function<void()> on_end;
  std::function<Error()> describe;
  sigset_t signals{};  // The mask that the node's thread has.
};

class ThreadTask {
 public:
  // Posts the end to the inbox. RESOURCE_EXHAUSTED if the system gives no thread.
  static Result<ThreadTask> start(ThreadStart start, std::shared_ptr<Inbox> inbox);

  size_t task() const { return task_; }
  void join() { thread_.join(); }
  void leave() { thread_.detach(); }

 private:
  ThreadTask(size_t task, std::thread thread) : task_(task), thread_(std::move(thread)) {}

  size_t task_;
  std::thread thread_;
};

}  // namespace lp::launching
