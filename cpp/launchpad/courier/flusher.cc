#include "launchpad/courier/flusher.h"

#include <sys/prctl.h>

#include <thread>
#include <utility>

namespace lp::courier {

// Leaked, all: their threads may outlive static destruction.
Flusher& Flusher::soon() {
  static auto* const flusher = new Flusher(kFlushDelay);
  return *flusher;
}

Flusher& Flusher::in_burst() {
  static auto* const flusher = new Flusher(kBurstDelay);
  return *flusher;
}

Flusher& Flusher::later() {
  static auto* const flusher = new Flusher(kLongDelay);
  return *flusher;
}

void Flusher::add(std::weak_ptr<Flushable> connection) {
  bool wake = false;
  bool start = false;
  state_.with([&](State& state) {
    state.due.push_back(std::move(connection));
    wake = std::exchange(state.asleep, false);
    start = !std::exchange(state.has_thread, true);
  });
  if (wake) state_.notify_all();
  if (start) std::thread([this] { work(); }).detach();
}

void Flusher::work() {
  // Sleep to the microsecond, not to the kernel's default slack of 50.
  ::prctl(PR_SET_TIMERSLACK, 1000);
  bool busy = false;
  while (true) {
    // Not after a round in which something was due: it would be woken by the next call, only to
    // sleep again.
    if (!busy) {
      state_.wait(
          std::nullopt,
          [](State& state) {
            state.asleep = state.due.empty();
            return !state.asleep;
          },
          [](State&, bool) {});
    }
    std::this_thread::sleep_for(delay_);
    std::vector<std::weak_ptr<Flushable>> due;
    state_.with([&](State& state) { due.swap(state.due); });
    for (const auto& weak : due) {
      if (const auto connection = weak.lock()) connection->flush_due();
    }
    busy = !due.empty();
  }
}

}  // namespace lp::courier
