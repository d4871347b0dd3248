// Sleeping on, and being woken through, a word of memory that processes share: futex(2). Any
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "launchpad/base/clock.h"

namespace lp::shm {

enum class Slept {
  kWoken,        // Somebody woke it, or the word was another already.
  kTimedOut,     // The time is over.
  kInterrupted,  // A signal came first.
};

// Sleeps while `word` is `expected`; no longer than `longest`, if given.
Slept futex_wait(std::atomic<uint32_t>& word, uint32_t expected,
                 std::optional<base::Nanos> longest = std::nullopt);
// Wakes up to `count` of those who sleep on it, and says how many.
int futex_wake(std::atomic<uint32_t>& word, int count);

}  // namespace lp::shm
