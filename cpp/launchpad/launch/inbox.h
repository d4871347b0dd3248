// Inbox carries what other threads want of a run to its supervising thread: stop, kill, a node's
// thread that ended. It outlives the run where a node's thread does. Any thread; only the
// supervising one takes.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "launchpad/base/fd.h"
#include "launchpad/base/guarded.h"
#include "launchpad/base/result.h"

namespace lp::launching {

struct Inbox {
  struct Content {
    bool stop = false;
    bool kill = false;
    bool handlers_done = false;  // The run's stop handlers have all run.
    std::vector<std::pair<size_t, std::optional<Error>>>
        ended;  // A thread's task, and why it failed.
  };

  Inbox();

  void post_stop();
  void post_kill();
  void post_handlers_done();
  void post_end(size_t task, std::optional<Error> error);

  // What came since the last time.
  Content take();

  base::Fd
      event;  // Readable when something is there; invalid if the system had no descriptor left.

 private:
  void wake();
  base::Guarded<Content> content_;
};

}  // namespace lp::launching
