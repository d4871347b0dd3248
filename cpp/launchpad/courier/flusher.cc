#include "launchpad/courier/flusher.h"

#include <sys/prctl.h>

#include <thread>
#include <utility>

namespace lp::courier {
namespace {

// Of each pace.
constexpr base::Nanos kDelays[] = {base::Nanos(50'000), base::Nanos(200'000),
                                   base::Nanos(2'000'000)};
// A burst has a call in every so long.
constexpr base::Nanos kBurst{3'125};

}  // namespace

Flusher& Flusher::at(Pace pace) {
  // Leaked: their threads may outlive static destruction.
  static Flusher* const flushers[] = {new Flusher(kDelays[0]), new Flusher(kDelays[1]),
                                      new Flusher(kDelays[2])};
  return *flushers[static_cast<size_t>(pace)];
}

Flusher::Pace Flusher::next_pace(Pace last, int calls) {
  const base::Nanos delay = kDelays[static_cast<size_t>(last)];
  if (calls < delay / kBurst) return Pace::kSoon;
  return last == Pace::kSoon ? Pace::kInBurst : Pace::kLater;
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
