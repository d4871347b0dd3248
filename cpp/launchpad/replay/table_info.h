// TableInfo is the state of a table at one moment, for users and dashboards. A value that travels.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "launchpad/replay/rate_limiter.h"
#include "launchpad/replay/selector.h"
#include "launchpad/replay/spec.h"

namespace lp::replay {

struct TableInfo {
  std::string name{};
  SelectorOptions sampler{};
  SelectorOptions remover{};
  int64_t max_size = 0;
  int64_t max_bytes = 0;          // 0: no bound.
  int32_t max_times_sampled = 0;  // 0: no bound.
  RateLimiterOptions rate_limiter{};
  RateLimiter::Counts counts{};  // Since the table was made or reset.
  std::optional<Signature> signature{};

  int64_t current_size = 0;  // Items.
  int64_t num_episodes = 0;  // That an item of the table is from.
  int64_t num_deleted_episodes = 0;
  int64_t num_unique_samples = 0;  // Items that were sampled at least once, also those that left.
  int64_t chunks = 0;              // That an item of the table uses.
  int64_t chunk_bytes = 0;         // Of them, stored; chunks that other tables use too included.
  int64_t raw_bytes = 0;           // Of them, before compression.
  int64_t item_bytes = 0;          // Of the table's own records and indices.
  int64_t waiting_inserts = 0;     // Calls that the rate limiter holds back now.
  int64_t waiting_samples = 0;
  int64_t insert_wait_ns = 0;  // Time that calls, which ended, were held back: their sum.
  int64_t sample_wait_ns = 0;
  double weight = 0;  // What a sample's probability is in proportion to, of all items together.

  LP_FIELDS(name, sampler, remover, max_size, max_bytes, max_times_sampled, rate_limiter, counts,
            signature, current_size, num_episodes, num_deleted_episodes, num_unique_samples, chunks,
            chunk_bytes, raw_bytes, item_bytes, waiting_inserts, waiting_samples, insert_wait_ns,
            sample_wait_ns, weight);
};

}  // namespace lp::replay
