#include "launchpad/courier/flusher.h"

#include <sys/prctl.h>

#include <thread>
#include <utility>

#include "launchpad/courier/channel.h"

namespace lp::courier {

Flusher& Flusher::instance() {
  // Leaked: its thread may outlive static destruction.
  static auto* const flusher = new Flusher();
  return *flusher;
}

void Flusher::add(std::weak_ptr<Channel> channel) {
  bool wake = false;
  bool start = false;
  state_.with([&](State& state) {
    state.due.push_back(std::move(channel));
    wake = std::exchange(state.asleep, false);
    start = !std::exchange(state.has_thread, true);
  });
  if (wake) state_.notify_all();
  if (start) std::thread([this] { work(); }).detach();
}

void Flusher::work() {
  // Sleep to the microsecond, not to the kernel's default slack of 50.
  ::prctl(PR_SET_TIMERSLACK, 1000);
  while (true) {
    state_.wait(
        std::nullopt,
        [](State& state) {
          state.asleep = state.due.empty();
          return !state.asleep;
        },
        [](State&, bool) {});
    std::this_thread::sleep_for(kFlushDelay);
    std::vector<std::weak_ptr<Channel>> due;
    state_.with([&](State& state) { due.swap(state.due); });
    for (const auto& weak : due) {
      if (const auto channel = weak.lock()) channel->flush_due();
    }
  }
}

}  // namespace lp::courier
