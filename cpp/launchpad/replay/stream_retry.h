// StreamRetry says when a stream, a writer's or a sampler's, tries again after a break, and when it
// gives up. Owned by the stream, used under its lock. Pure.
#pragma once

#include <optional>

#include "launchpad/base/clock.h"
#include "launchpad/courier/retry.h"

namespace lp::replay {

class StreamRetry {
 public:
  // `retry_for`: after so long without success it gives up; none: never.
  explicit StreamRetry(std::optional<base::Nanos> retry_for)
      : retry_for_(retry_for), backoff_(RetryPolicy{.first_pause = base::Nanos(1'000'000)}) {}

  // A call failed. False: it is time to give up.
  bool failed(base::TimePoint now) {
    if (!since_) since_ = now;
    return !retry_for_ || now - *since_ < *retry_for_;
  }
  // A call was answered.
  void worked() {
    since_.reset();
    attempt_ = 0;
  }
  // Before the next attempt.
  base::Nanos next_pause() { return backoff_.pause_after(++attempt_); }

 private:
  const std::optional<base::Nanos> retry_for_;
  courier::Backoff backoff_;
  std::optional<base::TimePoint> since_;  // The first failure after the last success.
  int attempt_ = 0;
};

}  // namespace lp::replay
