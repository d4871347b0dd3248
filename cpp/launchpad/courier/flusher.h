// Flusher sends what channels have kept back to let small calls leave together: kFlushDelay after
// the first of them at the latest, from one thread of the process's own that sleeps while nothing
// is due. Any thread.
#pragma once

#include <memory>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/base/guarded.h"

namespace lp::courier {

class Channel;

// How long a small asynchronous call may wait for company.
inline constexpr base::Nanos kFlushDelay{50'000};
// What has gathered to this size does not wait.
inline constexpr size_t kGatherBytes = 16 * 1024;

class Flusher {
 public:
  // The process's.
  static Flusher& instance();

  // Calls channel->flush_due() soon.
  void add(std::weak_ptr<Channel> channel);

 private:
  struct State {
    std::vector<std::weak_ptr<Channel>> due;
    bool has_thread = false;
    bool asleep = false;
  };
  void work();

  base::Guarded<State> state_;
};

}  // namespace lp::courier
