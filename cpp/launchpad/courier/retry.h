// RetryPolicy says how calls that fail as UNAVAILABLE are made again; without one a call runs at
// most once. Retrier makes a client's calls so: what failed may have run all the same, so it is for
// methods that may run twice. Shared by the copies of a client. Any thread; calls with callbacks
// are repeated on a thread of its own, begun when the first fails.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/base/rng.h"
#include "launchpad/courier/channel.h"

namespace lp {

// The deadline of a call is for all its attempts together.
struct RetryPolicy {
  int attempts = 5;                          // In all.
  base::Nanos first_pause{10'000'000};       // Before the second attempt.
  double growth = 2;                         // Each further pause is so many times as long,
  base::Nanos longest_pause{1'000'000'000};  // but no longer than this,
  double jitter = 0.5;                       // plus or minus up to this part of it, at random.
  std::optional<uint64_t> seed{};            // Of the randomness. None: LP_SEED, or a random one.
  std::vector<std::string> methods{};        // The methods that may run twice. Empty: all.
  // Told before each pause: the attempt that failed (from 1), and why. On the thread that waits.
  std::function<void(int attempt, const Error& error)> on_retry{};

  // INVALID_ARGUMENT if a number makes no sense.
  Status check() const;
};

namespace courier {

// The pauses between attempts. Any thread.
class Backoff {
 public:
  explicit Backoff(const RetryPolicy& policy);
  // After the attempt of this number, from 1.
  base::Nanos pause_after(int attempt);

 private:
  const double first_, growth_, longest_, jitter_;  // In nanoseconds.
  base::Guarded<base::Rng> rng_;
};

// A call on its way that is made again if need be: what a future waits for and cancels through.
class RetriedCall;

class Retrier {
 public:
  // INVALID_ARGUMENT: see RetryPolicy::check. `channel` must be closed by somebody else.
  static Result<std::shared_ptr<Retrier>> make(const std::shared_ptr<Channel>& channel,
                                               RetryPolicy policy);
  // Calls that wait to be made again end with CANCELLED.
  ~Retrier();

  // As the channel's own.
  Answer call(std::string_view method, const wire::Payload& arguments,
              const base::Deadline& deadline);
  Result<Peer> peer(std::string_view method, const base::Deadline& deadline);  // For this call.
  Result<std::shared_ptr<RetriedCall>> start(std::string_view method, wire::Payload arguments,
                                             const base::Deadline& deadline,
                                             Callback callback = nullptr,
                                             TypedInstead typed = nullptr);

 private:
  class Core;  // What its thread and its calls share.

  explicit Retrier(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  std::shared_ptr<Core> core_;

  friend class RetriedCall;
};

class RetriedCall {
 public:
  // For calls without a callback; once.
  Answer wait();
  // False: not answered by `deadline`. Does not take the answer.
  bool wait_done(const base::Deadline& deadline);
  // Instead of `wait`: the answer will go to `callback`. False: it is there, or just comes.
  bool on_answer(Callback callback);
  // The call ends with CANCELLED. False if it was answered before.
  bool cancel();

 private:
  struct State {
    int attempt = 1;
    bool cancelled = false;
    bool done = false;
    std::shared_ptr<Pending> pending;  // Of the last attempt that was sent.
    std::optional<Answer> answer;      // If there is no callback.
  };

  std::weak_ptr<Retrier::Core> core_;
  std::string method_;
  wire::Payload arguments_;
  base::Deadline deadline_;
  Callback callback_;
  TypedInstead typed_;
  base::Guarded<State> state_;

  friend class Retrier::Core;
  friend class Retrier;
};

}  // namespace courier
}  // namespace lp
