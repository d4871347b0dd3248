#include "launchpad/base/recycled.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace lp::base {
namespace {

struct Thing {
  uint64_t parts[5] = {};
};
using Things = std::vector<std::shared_ptr<Thing>>;

Things make(size_t count) {
  Things things;
  for (size_t i = 0; i < count; ++i) {
    things.push_back(std::allocate_shared<Thing>(Recycled<Thing>()));
  }
  return things;
}

std::set<const Thing*> places(const Things& things) {
  std::set<const Thing*> all;
  for (const auto& thing : things) all.insert(thing.get());
  return all;
}

TEST(Recycled, GivesAgainWhatTheThreadFreed) {
  constexpr size_t kMost = Recycled<Thing>::kMost;
  std::set<const Thing*> before;
  {
    const Things things = make(kMost);
    before = places(things);
  }
  const Things after = make(kMost);
  EXPECT_EQ(before.size(), kMost);
  EXPECT_EQ(places(after), before);
}

TEST(Recycled, NoTwoLiveObjectsShareAPlace) {
  const Things some = make(3 * Recycled<Thing>::kMost);
  EXPECT_EQ(places(some).size(), some.size());
}

TEST(Recycled, AnyThreadFreesWhatAnotherMade) {
  Things things = make(100);
  std::thread([given = std::move(things)]() mutable {
    given.clear();
    EXPECT_EQ(places(make(100)).size(), 100U);
  }).join();
  EXPECT_EQ(places(make(100)).size(), 100U);
}

// Freed by the destructor of an object that the thread made before its first Recycled: later than
// what the thread had kept.
TEST(Recycled, ThreadsMayFreeAtTheirVeryEnd) {
  std::thread([] {
    thread_local Things last;
    last.reserve(1);
    for (auto& thing : make(10)) last.push_back(std::move(thing));
  }).join();
}

}  // namespace
}  // namespace lp::base
