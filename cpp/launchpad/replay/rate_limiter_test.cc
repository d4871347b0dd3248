#include "launchpad/replay/rate_limiter.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lp::replay {
namespace {

void insert(RateLimiter& limiter, int n) {
  for (int i = 0; i < n; ++i) limiter.inserted();
}
void sample(RateLimiter& limiter, int n) {
  for (int i = 0; i < n; ++i) limiter.sampled();
}

TEST(RateLimiter, MinSizeHoldsSamplesBackUntilSoManyItemsAreThere) {
  RateLimiter limiter(RateLimiterOptions::min_size(3).value());
  insert(limiter, 2);
  EXPECT_FALSE(limiter.can_sample(1));
  insert(limiter, 1);
  EXPECT_TRUE(limiter.can_sample(1'000'000));
  EXPECT_TRUE(limiter.can_insert(1'000'000));
  limiter.deleted();
  EXPECT_FALSE(limiter.can_sample(1));
}

TEST(RateLimiter, AQueueHoldsInsertsBackAtItsSizeAndSamplesWhenEmpty) {
  RateLimiter limiter(RateLimiterOptions::queue(3));
  EXPECT_FALSE(limiter.can_sample(1));
  insert(limiter, 3);
  EXPECT_FALSE(limiter.can_insert(1));
  EXPECT_TRUE(limiter.can_sample(3));
  EXPECT_FALSE(limiter.can_sample(4));
  sample(limiter, 2);
  EXPECT_TRUE(limiter.can_insert(2));
  EXPECT_FALSE(limiter.can_insert(3));
}

TEST(RateLimiter, ARatioKeepsInsertsAndSamplesWithinItsBuffer) {
  // Two samples an insert, within 2 x 10 +- 5.
  RateLimiter limiter(RateLimiterOptions::sample_to_insert_ratio(2.0, 10, 5.0).value());
  insert(limiter, 10);
  EXPECT_TRUE(limiter.can_insert(2));
  EXPECT_FALSE(limiter.can_insert(3));
  EXPECT_TRUE(limiter.can_sample(5));
  EXPECT_FALSE(limiter.can_sample(6));
  sample(limiter, 5);
  EXPECT_TRUE(limiter.can_insert(5));
  EXPECT_FALSE(limiter.can_insert(6));
}

TEST(RateLimiter, InsertsUpToTheMinSizeAreFree) {
  RateLimiter limiter({1.0, 5, 0.0, 0.0});
  EXPECT_TRUE(limiter.can_insert(5));
  EXPECT_FALSE(limiter.can_insert(6));
  insert(limiter, 5);
  EXPECT_FALSE(limiter.can_insert(1));
  limiter.deleted();
  EXPECT_TRUE(limiter.can_insert(1));
}

TEST(RateLimiter, AResetForgetsAllCounts) {
  RateLimiter limiter(RateLimiterOptions::queue(1));
  insert(limiter, 1);
  EXPECT_FALSE(limiter.can_insert(1));
  limiter.reset();
  EXPECT_TRUE(limiter.can_insert(1));
  EXPECT_EQ(limiter.counts(), RateLimiter::Counts());
}

TEST(RateLimiter, CountsThatDoNotFitDoNotOverflow) {
  RateLimiter limiter(RateLimiterOptions::queue(1));
  EXPECT_FALSE(limiter.can_insert(INT64_MAX));
  EXPECT_FALSE(limiter.can_sample(INT64_MAX));
}

TEST(RateLimiterOptions, SayInReverbsWordsWhatIsWrong) {
  EXPECT_EQ(RateLimiterOptions::min_size(0).error().message,
            "min_size_to_sample (0) must be a positive integer");
  EXPECT_EQ(RateLimiterOptions::sample_to_insert_ratio(0.0, 1, 1.0).error().message,
            "samples_per_insert (0.0) must be > 0");
  EXPECT_EQ(RateLimiterOptions::sample_to_insert_ratio(2.0, 1, 1.5).error().message,
            "The size of error_buffer must be >= max(1.0, samples_per_insert) as smaller values "
            "could completely block samples and/or insert calls.");
  EXPECT_NE(RateLimiterOptions::sample_to_insert_ratio(1.0, 10, 11.0, 100.0)
                .error()
                .message.find("will result in a deadlock"),
            std::string::npos);
}

TEST(RateLimiterOptions, NoOptionsThatAreNoNumbersAreTaken) {
  const double nan = std::nan("");
  EXPECT_FALSE(check_rate_limiter({nan, 1, 0, 1}).ok());
  EXPECT_FALSE(check_rate_limiter({1, 1, nan, 1}).ok());
  EXPECT_FALSE(check_rate_limiter({1, 1, 0, nan}).ok());
  EXPECT_FALSE(check_rate_limiter({1, 1, 2, 1}).ok());
  EXPECT_FALSE(check_rate_limiter({-1, 1, 0, 1}).ok());
  EXPECT_TRUE(check_rate_limiter({}).ok());
}

}  // namespace
}  // namespace lp::replay
