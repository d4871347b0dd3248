// WakeLine is in which order a server wakes clients that sleep until their call is answered, where
// they have fewer cores than they are: a client is woken for a turn of many calls, and told to
// sleep when it is over, since others wait. Who has a core finds each answer while it looks for it.
// Were all woken at once, each would have its core for a single call, and to switch between
// processes takes longer than most calls do. Clients that send many calls together are woken as
// soon as they are answered: their calls are a turn already.
//
// Who lets a client join sees to it that its threads go on to call `pass_turn` before they look for
// calls and, while none comes, `pause` and `next`, as long as somebody `waits`. Any thread; what is
// counted is a hint, so that of two threads one may count too much.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>

#include "launchpad/base/clock.h"
#include "launchpad/base/guarded.h"
#include "launchpad/shm/ring.h"

namespace lp::courier {

// How long a turn is, so that switching is a small part of it; and how much longer for each who
// waits, up to a limit: the more they are, the less of a client's memory is left in the caches when
// its turn comes. 256 clients wait for each other for 0.15 s, then.
inline constexpr base::Nanos kTurn{100'000};
inline constexpr base::Nanos kTurnForEach{2'000};
inline constexpr base::Nanos kLongestTurn{600'000};
// Who has called calls again within this time, or does something else.
inline constexpr base::Nanos kPatience{20'000};
// Who was woken has twice as long as others took lately, up to a limit: where clients are many, or
// Python's, one's memory is far away when its turn comes.
inline constexpr base::Nanos kLongestWaking{300'000};

// A client as the line sees it.
class LineClient {
 public:
  virtual ~LineClient() = default;
  // Wakes it. False: it did not sleep, or is gone.
  virtual bool wake() = 0;
  // How it shall wait next.
  virtual void ask_to_rest(shm::Rest rest) = 0;
  // Where it was when it went to sleep.
  virtual uint32_t core() const = 0;

 private:
  friend class WakeLine;

  std::atomic<bool> single_{false};    // It makes one call at a time.
  std::atomic<uint32_t> awake_in_{0};  // The line's round in which it was seen to be.
  std::atomic<int> resting_{0};        // It may call so often before it sleeps as it was told to.
  std::atomic<base::TimePoint> turn_began_{};
  std::atomic<int> calls_to_hear_{0};  // Until it is known how long it took to wake up,
  std::atomic<base::Nanos> waking_{};  // which is this if it goes on to call.
  bool waits_ = false;                 // Under the line's lock.
};

class WakeLine {
 public:
  // What it knows of the machine.
  struct Machine {
    int cores;  // How many clients can run at the same time, beside a thread of the server,
    uint32_t (*core)();  // where the calling thread runs,
    const base::Clock& clock;
  };
  explicit WakeLine(const Machine& machine = this_machine()) : machine_(machine) {}
  static Machine this_machine();

  // It has sent one call, or several at once.
  void called(LineClient& client);
  void called_often(LineClient& client);
  // A client that sleeps has its answer. True: it is woken in its turn. False: it is to be woken
  // now.
  bool join(const std::shared_ptr<LineClient>& client);

  // Whether it pays. Not so, for a while, where turns are cut short again and again, since clients
  // do other things between calls, or other programs have the cores.
  bool open();
  bool waits() const { return waiting_.load() > 0; }
  // Wakes the next one if a turn is over. Not before that turn's last call was answered.
  void pass_turn() {
    if (turn_over_.load(std::memory_order_relaxed)) next();
  }
  // Nobody has called for a moment.
  enum class Pause {
    kWaking,  // Somebody is about to.
    kOver,    // Nobody is: the next one can be woken.
  };
  Pause pause();
  // Wakes the next one. False: nobody waits.
  bool next();
  void wake_all();

 private:
  struct Waiting {
    std::shared_ptr<LineClient> client;
    uint32_t core = 0;
  };

  bool is_awake(const LineClient& client) const {
    return client.awake_in_.load(std::memory_order_relaxed) == round_.load();
  }
  // Whether one more can run.
  bool has_core() const { return awake_.load(std::memory_order_relaxed) < machine_.cores; }
  // `waking`: how much longer than else it may take until it calls.
  void begin_turn(LineClient& client, base::Nanos waking = {});
  void hear_woken(LineClient& client, int calls_to_hear);
  void end_turn(LineClient& client, shm::Rest rest);
  void note_asleep(LineClient& client);
  Waiting take_first();
  bool wake_first();

  // To wake somebody costs one; a turn that was not cut short is worth so many.
  static constexpr int kTurnIsWorth = 4;
  static constexpr int kMostCredit = 256;

  const Machine machine_;
  std::atomic<int> waiting_{0};
  std::atomic<bool> turn_over_{false};  // And the next one is not woken yet.
  std::atomic<int> awake_{0};           // Who have called, or were woken, and do not sleep,
  std::atomic<uint32_t> round_{1};      // since this one began.
  std::atomic<uint32_t> calls_{0};      // While others waited; and how many were seen at a pause.
  std::atomic<uint32_t> calls_seen_{0};
  std::atomic<base::TimePoint> heard_at_{};  // When one was seen last, or is awake at last.
  std::atomic<base::Nanos> waking_{kPatience};
  // Whether it is closed, and since when, and what tells for and against that.
  std::atomic<int> credit_{kMostCredit};
  std::atomic<int> turns_{0};     // That were not cut short, since it was closed last,
  std::atomic<int> closings_{0};  // and how often it was before.
  std::atomic<bool> closed_{false};
  std::atomic<base::TimePoint> closed_until_{};
  struct Line {
    std::deque<Waiting> waiting;
    size_t passed_over = 0;  // How many were taken before the first one.
  };
  base::Guarded<Line> line_;
};

}  // namespace lp::courier
