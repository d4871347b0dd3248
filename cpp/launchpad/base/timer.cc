#include "launchpad/base/timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace lp::base {

Timer::Timer() : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {}

void Timer::set(Nanos delay) {
  const int64_t left = std::max<int64_t>(delay.count(), 1);  // 0 would turn it off.
  itimerspec when{};
  when.it_value = {left / 1'000'000'000, left % 1'000'000'000};
  ::timerfd_settime(fd_.get(), 0, &when, nullptr);
}

void Timer::drain() {
  uint64_t expirations = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_.get(), &expirations, sizeof(expirations));
}

}  // namespace lp::base
