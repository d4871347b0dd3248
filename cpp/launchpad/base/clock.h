// Time as the library sees it: a steady clock in nanoseconds that is passed in where tests must own
// it. Deadline is a point on it, or none. Values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace lp::base {

using Nanos = std::chrono::nanoseconds;
using TimePoint = std::chrono::steady_clock::time_point;

// Source of time. The default is the process's steady clock.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const { return std::chrono::steady_clock::now(); }
};

// The process's steady clock.
const Clock& steady_clock();

class Deadline {
 public:
  Deadline() = default;  // Never.
  explicit Deadline(TimePoint at) : at_(at) {}
  // So long from now.
  static Deadline after(Nanos duration, const Clock& clock = steady_clock());

  // Whether there is none: wait for ever.
  bool never() const { return !at_.has_value(); }
  // Whether its time has come.
  bool passed(const Clock& clock = steady_clock()) const { return at_ && clock.now() >= *at_; }
  // When; nothing for never.
  const std::optional<TimePoint>& at() const { return at_; }

  // Time left, at least zero. Only if not never().
  Nanos left(const Clock& clock = steady_clock()) const;

  // For poll(2): -1 if never, otherwise milliseconds rounded up.
  int poll_timeout(const Clock& clock = steady_clock()) const;

 private:
  std::optional<TimePoint> at_;
};

}  // namespace lp::base
