// StreamRetry says when a stream, a writer's or a sampler's, tries again after a break, when it
// gives up, and when who waits for it is told that its server was stopped. Owned by the stream,
// used under its lock. Pure.
#pragma once

#include <optional>

#include "launchpad/base/clock.h"
#include "launchpad/courier/retry.h"
#include "launchpad/replay/stops.h"

namespace lp::replay {

class StreamRetry {
 public:
  // `retry_for`: after so long without success it gives up; none: never.
  explicit StreamRetry(std::optional<base::Nanos> retry_for)
      : retry_for_(retry_for), backoff_(RetryPolicy{.first_pause = base::Nanos(1'000'000)}) {}

  // A call failed; `stopped`: its server has, see Channel. False: it is time to give up.
  bool failed(base::TimePoint now, const Error& error, bool stopped) {
    if (!since_) since_ = now;
    if (!stop_ && (stopped || says_stop(error))) stop_ = error;
    if (stop_ && error.code == Code::kUnavailable) ++told_;
    return !retry_for_ || now - *since_ < *retry_for_;
  }
  // A call was answered.
  void worked() {
    since_.reset();
    stop_.reset();
    attempt_ = 0;
  }
  // How often there was news for who waits: that the server stops, and then that none is back yet.
  uint64_t told() const { return told_; }
  // Since it was `told`, there was. Who waits meanwhile ends with `stop`; a later wait may see the
  // next server come.
  bool stopped_since(uint64_t told) const { return stop_ && told_ != told; }
  const Error& stop() const { return *stop_; }
  // Before the next attempt.
  base::Nanos next_pause() { return backoff_.pause_after(++attempt_); }

 private:
  const std::optional<base::Nanos> retry_for_;
  courier::Backoff backoff_;
  std::optional<base::TimePoint> since_;  // The first failure after the last success.
  int attempt_ = 0;
  std::optional<Error> stop_;
  uint64_t told_ = 0;
};

}  // namespace lp::replay
