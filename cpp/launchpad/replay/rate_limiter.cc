#include "launchpad/replay/rate_limiter.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace lp::replay {
namespace {

// As Python prints it: "1.0", "0.5".
std::string text(double value) {
  std::ostringstream out;
  out << value;
  const std::string digits = out.str();
  return digits.find_first_not_of("-0123456789") == std::string::npos ? digits + ".0" : digits;
}

Status check_ratio(double samples_per_insert, int64_t min_size) {
  if (!(samples_per_insert > 0) || std::isinf(samples_per_insert)) {
    return Error(Code::kInvalidArgument,
                 "samples_per_insert (" + text(samples_per_insert) + ") must be > 0");
  }
  if (min_size < 1) {
    return Error(Code::kInvalidArgument, "min_size_to_sample (" + std::to_string(min_size) +
                                             ") must be a positive integer");
  }
  return {};
}

}  // namespace

Result<RateLimiterOptions> RateLimiterOptions::min_size(int64_t size) {
  LP_TRY(check_ratio(1.0, size));
  RateLimiterOptions options;
  options.min_size_to_sample = size;
  return options;
}

Result<RateLimiterOptions> RateLimiterOptions::sample_to_insert_ratio(double samples_per_insert,
                                                                      int64_t min_size,
                                                                      double error_buffer) {
  LP_TRY(check_ratio(samples_per_insert, min_size));
  const double offset = samples_per_insert * static_cast<double>(min_size);
  return sample_to_insert_ratio(samples_per_insert, min_size, offset - error_buffer,
                                offset + error_buffer);
}

Result<RateLimiterOptions> RateLimiterOptions::sample_to_insert_ratio(double samples_per_insert,
                                                                      int64_t min_size,
                                                                      double min_diff,
                                                                      double max_diff) {
  LP_TRY(check_ratio(samples_per_insert, min_size));
  const auto refuse = [](const std::string& why) { return Error(Code::kInvalidArgument, why); };
  if (!(max_diff - min_diff >= 2 * std::max(1.0, samples_per_insert))) {
    return refuse(
        "The size of error_buffer must be >= max(1.0, samples_per_insert) as smaller values could "
        "completely block samples and/or insert calls.");
  }
  const double offset = samples_per_insert * static_cast<double>(min_size);
  if (min_diff > offset) {
    return refuse("min_diff (" + text(min_diff) +
                  ") is above samples_per_insert x "
                  "min_size_to_sample (" +
                  text(offset) +
                  "), which will result in a deadlock: "
                  "nothing can be sampled when min_size_to_sample items are there.");
  }
  return RateLimiterOptions{samples_per_insert, min_size, min_diff, max_diff};
}

RateLimiterOptions RateLimiterOptions::queue(int64_t size) {
  return {1.0, 1, 0.0, static_cast<double>(size)};
}

Status check_rate_limiter(const RateLimiterOptions& options) {
  LP_TRY(check_ratio(options.samples_per_insert, options.min_size_to_sample));
  if (std::isnan(options.min_diff) || std::isnan(options.max_diff) ||
      options.min_diff > options.max_diff) {
    return Error(Code::kInvalidArgument, "min_diff (" + text(options.min_diff) +
                                             ") must be at most max_diff (" +
                                             text(options.max_diff) + ")");
  }
  return {};
}

bool RateLimiter::can_insert(int64_t n) const {
  const int64_t size = counts_.inserts - counts_.deletes;
  // Until min_size_to_sample items are there nothing can be sampled: nothing holds inserts back.
  if (n <= options_.min_size_to_sample - size) return true;
  const double spi = options_.samples_per_insert;
  const double diff =
      static_cast<double>(counts_.inserts) * spi - static_cast<double>(counts_.samples);
  return diff + static_cast<double>(n) * spi <= options_.max_diff;
}

bool RateLimiter::can_sample(int64_t n) const {
  if (counts_.inserts - counts_.deletes < options_.min_size_to_sample) return false;
  const double diff = static_cast<double>(counts_.inserts) * options_.samples_per_insert -
                      static_cast<double>(counts_.samples);
  return diff - static_cast<double>(n) >= options_.min_diff;
}

}  // namespace lp::replay
