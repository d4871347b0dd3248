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
// As long as it takes, as one of those whom `bits` are to wake.
void futex_wait_as(std::atomic<uint32_t>& word, uint32_t expected, uint32_t bits);
// Wakes up to `count` of those who sleep on it, as one of `bits`, and says how many. Of several the
// one that has slept longest comes first.
int futex_wake(std::atomic<uint32_t>& word, int count, uint32_t bits = UINT32_MAX);

}  // namespace lp::shm
