#include "launchpad/base/check.h"

#include <gtest/gtest.h>

namespace lp::base {
namespace {

TEST(Check, DoesNothingWhenTheConditionHolds) {
  int messages = 0;
  LP_CHECK(1 + 1 == 2) << ++messages;
  EXPECT_EQ(messages, 0) << "the message was built though nothing failed";
}

TEST(Check, IsOneStatement) {
  const bool taken = false;
  if (taken)
    LP_CHECK(false) << "not reached";
  else
    SUCCEED();
}

TEST(CheckDeathTest, EndsTheProcessWithFileConditionAndMessage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const int left = 3;
  EXPECT_DEATH(LP_CHECK(left == 0) << "left over: " << left,
               "check_test.cc:[0-9]+: left == 0 left over: 3");
}

}  // namespace
}  // namespace lp::base
