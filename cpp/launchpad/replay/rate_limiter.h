// RateLimiter keeps inserts and samples of a table in proportion: it counts them and says whether
// so many more may happen now. A pure object, owned by its table, used under the table's lock; the
// table does the waiting. RateLimiterOptions is a value that any number of tables may be made from.
#pragma once

#include <cstdint>
#include <limits>

#include "launchpad/base/result.h"
#include "launchpad/wire/codec.h"

namespace lp::replay {

struct RateLimiterOptions {
  double samples_per_insert = 1.0;
  int64_t min_size_to_sample = 1;  // Items in the table before any is sampled.
  // Bounds of inserts x samples_per_insert - samples.
  double min_diff = -static_cast<double>(std::numeric_limits<float>::max());
  double max_diff = static_cast<double>(std::numeric_limits<float>::max());

  // Blocks samples until there are `size` items, and nothing after that.
  static Result<RateLimiterOptions> min_size(int64_t size);
  // Each item is sampled so often on average, within +- error_buffer samples.
  static Result<RateLimiterOptions> sample_to_insert_ratio(double samples_per_insert,
                                                           int64_t min_size, double error_buffer);
  static Result<RateLimiterOptions> sample_to_insert_ratio(double samples_per_insert,
                                                           int64_t min_size, double min_diff,
                                                           double max_diff);
  // Inserts wait while `size` items were not sampled, samples while there is none. For tables whose
  // items are sampled once.
  static RateLimiterOptions queue(int64_t size);

  bool operator==(const RateLimiterOptions&) const = default;
  LP_FIELDS(samples_per_insert, min_size_to_sample, min_diff, max_diff);
};

// INVALID_ARGUMENT: samples_per_insert <= 0, min_size_to_sample < 1, NaN, min_diff > max_diff.
Status check_rate_limiter(const RateLimiterOptions& options);

class RateLimiter {
 public:
  struct Counts {
    int64_t inserts = 0;  // New items; giving an item another priority is none.
    int64_t samples = 0;
    int64_t deletes = 0;  // Items that left, for whatever reason.
    bool operator==(const Counts&) const = default;
    LP_FIELDS(inserts, samples, deletes);
  };

  // `options` passed check_rate_limiter.
  explicit RateLimiter(const RateLimiterOptions& options) : options_(options) {}

  // n >= 1.
  bool can_insert(int64_t n) const;
  bool can_sample(int64_t n) const;

  void inserted() { ++counts_.inserts; }
  void sampled() { ++counts_.samples; }
  void deleted() { ++counts_.deletes; }
  void reset() { counts_ = {}; }
  // From a checkpoint.
  void restore(const Counts& counts) { counts_ = counts; }

  const Counts& counts() const { return counts_; }

 private:
  RateLimiterOptions options_;
  Counts counts_;
};

}  // namespace lp::replay
