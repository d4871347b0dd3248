// Anteroom holds the tcp connections of a server whose clients it does not know yet: they have a
// while to prove the token and to greet, and are not many. Beyond that the oldest is closed. The
// while is two halves, each with a look at the clock of its own: where the server slept through one
// (a suspended machine), there is time to hear what came meanwhile. Owned by the server; any of its
// threads.
#pragma once

#include <deque>
#include <memory>

#include "launchpad/base/clock.h"
#include "launchpad/base/guarded.h"
#include "launchpad/base/timer.h"

namespace lp::courier {

class Session;

inline constexpr size_t kMaxStrangers = 256;

class Anteroom {
 public:
  explicit Anteroom(base::Nanos patience) : half_(patience / 2) {}

  // Readable when somebody's time is over: then `close_late` is due. -1: no descriptor was left.
  int fd() const { return timer_.fd(); }
  void add(const std::shared_ptr<Session>& session);
  void close_late();

 private:
  struct Guest {
    // Null once it came in or ended.
    std::shared_ptr<Session> waiting() const;

    std::weak_ptr<Session> session;
    base::Deadline deadline;  // Of this half.
    bool second_half = false;
  };
  using Guests = std::deque<Guest>;

  // Takes off the front who came in or ended; then sets the timer for who is due next.
  void tidy(Guests& guests);

  const base::Nanos half_;  // Of the patience.
  base::Timer timer_;
  base::Guarded<Guests> guests_;  // Who came first is first.
};

}  // namespace lp::courier
