// World is what a schedule runs in: threads that are fibers, of which one runs at a time, a clock
// that stands still while they do nothing, and events that come at their time. Which thread goes on
// next, and how long a step takes, is drawn from the schedule's seed: the same seed gives the same
// run. One for the process; everything of it belongs to one real thread.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulation/dice.h"
#include "simulation/fiber.h"

namespace lp::simulation {

using Time = int64_t;  // Nanoseconds.
inline constexpr Time kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;

// How fast, and how unfairly, threads run in a schedule.
struct Pace {
  Time longest_step = 500;  // Of a thread, until it waits or another one goes on.
  uint64_t preempt_one_in =
      8;  // Locks and system calls at which another thread may go on; 0: none.
};

class World {
 public:
  // Whom a wake is for: any of those who wait as one of these.
  using Bits = uint32_t;
  static constexpr Bits kAll = UINT32_MAX;

  struct Thread {
    Fiber fiber;
    int number = 0;  // In the order of their beginning, from the schedule's first.
    int id = 0;      // No other living one has it; not 0.
    bool ready = false;
    bool done = false;
    bool detached = false;
    bool timed_out = false;
    const void* key = nullptr;  // What it waits at,
    Bits as = kAll;             // as which of those who do,
    const char* what = "";      // and what that is.
    std::optional<Time> until;
    void* result = nullptr;
  };

  static World& get();
  // Whether the caller is a thread of the simulated world.
  static bool inside() { return current_ != nullptr; }
  static Thread* current() { return current_; }

  // Runs `root` as the first thread of a schedule until it has ended and everything is quiet.
  // Empty, or why that did not come about; then nothing runs here any more.
  std::string run(uint64_t seed, const std::function<void()>& root);
  // While it is true, threads that are left at the end of a schedule are those of the process,
  // which never end: see Flusher.
  void set_warming(bool warming) { warming_ = warming; }
  // What happened, in short: equal for equal runs.
  uint64_t trace() const { return trace_; }
  uint64_t steps() const { return steps_; }

  Time now() const { return now_; }
  Dice& dice() { return dice_; }
  Pace& pace() { return pace_; }
  void pass(Time duration) { now_ += duration; }

  void at(Time when, std::function<void()> event);

  // Prints what happens, with its time and thread, if the environment has LP_TRACE.
  [[gnu::format(printf, 2, 3)]] void tell(const char* format, ...) const;

  // A thread's own.

  // Waits until somebody wakes the key. False: the time came first.
  bool wait(const void* key, std::optional<Time> until, const char* what, Bits as = kAll);
  // Another thread may go on, if the schedule's dice say so.
  void maybe_yield();
  void yield();

  // Those who wait at the key, or one of them.
  void wake(const void* key);
  bool wake_one(const void* key, Bits whom = kAll);  // False: nobody such waits there.

  Thread* spawn(std::function<void()> body);
  void* join(Thread* thread);
  void detach(Thread* thread);

 private:
  World();

  bool step();
  void go_on(Thread& thread);
  void fire_events();
  std::optional<Time> next_time() const;
  void recycle(Thread* thread);
  std::string report(const std::string& what) const;

  static inline Thread* current_ = nullptr;

  Time now_ = 0;
  Dice dice_{0};
  Pace pace_;
  uint64_t trace_ = 0;
  uint64_t steps_ = 0;
  uint64_t unbroken_ = 0;
  int next_number_ = 0;
  size_t residents_ = 0;
  const bool tracing_ = std::getenv("LP_TRACE") != nullptr;
  bool warming_ = false;
  bool broken_ = false;
  std::multimap<Time, std::function<void()>> events_;
  std::vector<Thread*> threads_;  // Not ended, or ended and not joined yet.
  std::vector<std::unique_ptr<Thread>> owned_;
  std::vector<Thread*> spare_;
};

}  // namespace lp::simulation
