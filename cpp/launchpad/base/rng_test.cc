#include "launchpad/base/rng.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

namespace lp::base {
namespace {

TEST(Rng, TheSeedOfATestRunIsNobodysUniqueSeed) {
  const char* before = ::getenv("LP_SEED");
  const std::string kept = before != nullptr ? before : "";
  ::setenv("LP_SEED", "7", 1);
  EXPECT_EQ(fresh_seed(), 7u);
  EXPECT_NE(unique_seed(), unique_seed());
  before != nullptr ? ::setenv("LP_SEED", kept.c_str(), 1) : ::unsetenv("LP_SEED");
}

}  // namespace
}  // namespace lp::base
