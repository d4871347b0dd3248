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

// When a thread that works for long rests, so that those who are served in microseconds nearly
// always find the processors free that they find without it: low priority alone does not do that
// where they look for work before they sleep. One thread's.
class Pace {
 public:
  // What it has to know and to do.
  struct World {
    std::function<Nanos()> worked;    // Processor time of this thread.
    std::function<bool()> taken;      // Whether no processor of the machine is idle.
    std::function<void(Nanos)> rest;  // Sleeps.
  };
  static World real();

  // Work between two looks around, and the rest after it if no processor is idle. Short enough for
  // threads that lend their core while they look: see shm/spin.h.
  static constexpr Nanos kBurst{500'000};
  static constexpr Nanos kRest{3'000'000};

  explicit Pace(World world = real());
  // One that never rests.
  static Pace restless();

  // To be called again and again by who works.
  void breathe() {
    if (rests_ && ++calls_ % kCalls == 0) look_around();
  }

 private:
  static constexpr unsigned kCalls = 8;  // Looking at the clock costs more than most steps.

  void look_around();

  World world_;
  Nanos since_;
  bool rests_ = true;
  unsigned calls_ = 0;
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
