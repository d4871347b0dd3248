#include "launchpad/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace lp {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error(Code::kInvalidArgument, "odd: " + std::to_string(number));
  return number / 2;
}

Result<int> quarter(int number) {
  LP_TRY_ASSIGN(int once, half(number));
  LP_TRY_ASSIGN(int twice, half(once));
  return twice;
}

Status check_even(int number) {
  LP_TRY(half(number));
  return {};
}

TEST(Result, HoldsAValue) {
  Result<int> result = half(8);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value(), 4);
}

TEST(Result, HoldsAnError) {
  const Result<int> result = half(7);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_EQ(result.error().message, "odd: 7");
}

TEST(Result, CarriesAMoveOnlyValueOut) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(3));
  std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 3);
}

TEST(Result, ACopyHasAnErrorOfItsOwn) {
  Result<int> result = half(7);
  const Result<int> copy = result;
  const Error taken = std::move(result).error();
  EXPECT_EQ(copy.error().message, taken.message);
  Status status;
  status = check_even(7);
  const Status same = status;
  EXPECT_NE(&same.error(), &status.error());
  EXPECT_EQ(same.error().message, "odd: 7");
}

TEST(Result, TakesNoRoomForAnErrorThatItDoesNotHold) {
  EXPECT_EQ(sizeof(Status), sizeof(void*));
  EXPECT_LE(sizeof(Result<std::string>), sizeof(std::string) + 2 * sizeof(void*));
}

TEST(Result, TryAssignGivesTheValueOrReturnsTheFirstError) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error().message, "odd: 3");
}

TEST(Result, TryPassesOnlyAnErrorOn) {
  EXPECT_TRUE(check_even(2).ok());
  EXPECT_EQ(check_even(1).error().code, Code::kInvalidArgument);
}

TEST(Result, ValueOrThrowThrowsTheErrorAtThePublicSurface) {
  EXPECT_EQ(half(2).value_or_throw(), 1);
  try {
    half(1).value_or_throw();
    FAIL() << "did not throw";
  } catch (const RemoteError&) {
    FAIL() << "no method raised this";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "odd: 1");
  }
}

TEST(Result, ValueOrThrowThrowsRemoteErrorForAnExceptionOfTheMethod) {
  Error error(Code::kUnknown, "no such key");
  error.remote_type = "KeyError";
  Status status(std::move(error));
  EXPECT_THROW(std::move(status).value_or_throw(), RemoteError);
}

TEST(ResultDeathTest, ValueOfAnErrorEndsTheProcessWithItsMessage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(half(5).value(), "Result holds an error: odd: 5");
}

TEST(Code, NamesAreThoseThatProgramsPrint) {
  EXPECT_EQ(code_name(Code::kOk), "OK");
  EXPECT_EQ(code_name(Code::kDeadlineExceeded), "DEADLINE_EXCEEDED");
  EXPECT_EQ(code_name(Code::kUnauthenticated), "UNAUTHENTICATED");
}

TEST(Code, OfAStrangerIsUnknown) { EXPECT_EQ(code_name(static_cast<Code>(99)), "UNKNOWN"); }

}  // namespace
}  // namespace lp
