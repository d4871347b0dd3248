#include "launchpad/launch/thread_task.h"

#include <pthread.h>

#include <system_error>

#include "launchpad/courier/serve.h"

namespace lp::launching {
namespace {

std::optional<Error> run_task(const ThreadStart& start) {
  const run::ScopedContext scope(start.context);
  const run::PublishedContext published(start.context);
  try {
    if (start.on_start) start.on_start();
    start.entry(start.context);
    return std::nullopt;
  } catch (...) {
    return start.describe ? start.describe() : courier::describe_current_exception();
  }
}

std::optional<Error> run_hooked(const ThreadStart& start) {
  std::optional<Error> error = run_task(start);
  try {
    if (start.on_end) start.on_end();
  } catch (...) {
    if (!error) error = start.describe ? start.describe() : courier::describe_current_exception();
  }
  return error;
}

void thread_main(ThreadStart start, const std::shared_ptr<Inbox>& inbox) {
  ::pthread_setname_np(::pthread_self(), start.context->name().substr(0, 15).c_str());
  ::pthread_sigmask(SIG_SETMASK, &start.signals, nullptr);
  std::optional<Error> error = run_hooked(start);
  const size_t task = start.task;
  // A node that never listened answers nobody: who connects must hear that.
  start.context->bound->reset();
  start.context->inner->clear();
  start = ThreadStart();  // What the task holds goes before its end is known.
  inbox->post_end(task, std::move(error));
}

}  // namespace

Result<ThreadTask> ThreadTask::start(ThreadStart start, std::shared_ptr<Inbox> inbox) {
  const size_t task = start.task;
  try {
    return ThreadTask(task, std::thread([start = std::move(start), inbox]() mutable {
                        thread_main(std::move(start), inbox);
                      }));
  } catch (const std::system_error& error) {
    return Error(Code::kResourceExhausted, std::string("cannot start a thread: ") + error.what());
  }
}

}  // namespace lp::launching
