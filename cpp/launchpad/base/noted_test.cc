#include "launchpad/base/noted.h"

#include <gtest/gtest.h>

#include <vector>

namespace lp::base {
namespace {

struct Things {
  size_t note() const { return all.size(); }
  std::vector<int> all;
};

TEST(Noted, NotesWhatHoldsWhenTheLockIsLetGo) {
  Noted<Things> things;
  EXPECT_EQ(things.note(), 0U);
  const int sum = things.with([&](Things& held) {
    held.all = {1, 2, 3};
    EXPECT_EQ(things.note(), 0U) << "not before that";
    return 6;
  });
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(things.note(), 3U);
}

TEST(Noted, CanBeToldBefore) {
  Noted<Things> things;
  things.with([&](Things& held) {
    things.foretell(1);
    EXPECT_EQ(things.note(), 1U);
    held.all = {1, 2};
  });
  EXPECT_EQ(things.note(), 2U);
}

}  // namespace
}  // namespace lp::base
