// in_background(f) runs f on a thread of its own that gives way to the others of the machine, and
// waits for it: for long work of a process that serves others meanwhile. `f` should hold no lock
// that they want: it may be a while until it goes on. Any thread.
#pragma once

#include <functional>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "launchpad/base/clock.h"

namespace lp::base {

// The calling thread asks for less of the processors and of the disk from now on; for good, since
// only a privileged process may take that back.
void give_way();

// When a thread that works for long lends its processor to others, and when it rests, so that those
// who are served in microseconds nearly always find what they find without it. Low priority alone
// does not do that where they look for work before they sleep, and lend their processor meanwhile:
// who took it would keep it for all of the scheduler's turn. See shm/spin.h. One thread's.
class Pace {
 public:
  // What it has to know and to do.
  struct World {
    std::function<TimePoint()> now;
    std::function<Nanos()> worked;    // Processor time of this thread.
    std::function<bool()> taken;      // Whether no processor of the machine is idle.
    std::function<void()> lend;       // Lets others that wait for this processor go first.
    std::function<void(Nanos)> rest;  // Sleeps.
  };
  static World real();

  // Work between two times that the processor is lent: as long as what those do with it who only
  // look for something.
  static constexpr Nanos kTurn{4'000};
  // Who keeps it for so long is none of them, and has it from the scheduler anyway: it is lent much
  // more rarely then, after so many times as long.
  static constexpr Nanos kTaken{1'000'000};
  static constexpr int kRarely = 100;
  // Work after which it rests, for so long, if no processor is idle.
  static constexpr Nanos kBurst{2'000'000};
  static constexpr Nanos kRest{8'000'000};

  explicit Pace(World world = real());
  // One that never rests.
  static Pace restless();

  // To be called again and again by who works, after each few microseconds.
  void breathe() {
    if (!rests_) return;
    const TimePoint now = world_.now();
    if (now - looked_ >= kTurn) let_others(now);
  }

 private:
  void let_others(TimePoint now);

  World world_;
  TimePoint looked_;        // When this thread last let others.
  TimePoint lend_after_{};  // It keeps its processor until then.
  Nanos rested_;            // What it had worked when it last rested, or need not.
  bool rests_ = true;
};

// What f(Pace&) returns. Where no thread can be made it runs on this one, as any other call.
template <class F>
auto in_background(F f) -> decltype(f(std::declval<Pace&>())) {
  std::optional<decltype(f(std::declval<Pace&>()))> result;
  std::thread thread;
  try {
    thread = std::thread([&] {
      give_way();
      Pace pace;
      result.emplace(f(pace));
    });
  } catch (const std::system_error&) {
    Pace pace = Pace::restless();
    return f(pace);
  }
  thread.join();
  return std::move(*result);
}

}  // namespace lp::base
