#include "launchpad/base/recycled.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "launchpad/base/rng.h"

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
  constexpr size_t kMost = FreeList::kMost;
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
  const Things some = make(3 * FreeList::kMost);
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

using Text = std::basic_string<char, std::char_traits<char>, RecycledText<char>>;

TEST(RecycledText, GivesAgainWhatTheThreadFreed) {
  const char* before = nullptr;
  {
    const Text text(100, 'a');
    before = text.data();
  }
  const Text of_like_size(90, 'b');
  EXPECT_EQ(of_like_size.data() == before, FreeList::kMost > 0);
}

TEST(RecycledText, OfAnyLengthHoldsWhatWasWritten) {
  Rng rng(7);
  std::vector<Text> texts(500);
  std::vector<std::string> expected(texts.size());
  for (int step = 0; step < 20000; ++step) {
    const size_t at = rng() % texts.size();
    const size_t length = rng() % 400;
    const char filler = static_cast<char>('a' + rng() % 26);
    if (rng() % 4 == 0) {
      texts[at] = Text();
      expected[at].clear();
    }
    texts[at].append(length, filler);
    expected[at].append(length, filler);
    if (texts[at].size() < 2000) continue;
    texts[at] = Text(length, filler);
    expected[at] = std::string(length, filler);
  }
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(std::string_view(texts[i]), std::string_view(expected[i]));
}

TEST(RecycledText, IsFreedByAnyThread) {
  std::vector<Text> texts(3 * FreeList::kMost + 10, Text(70, 'x'));
  std::thread([given = std::move(texts)]() mutable { given.clear(); }).join();
  const std::vector<Text> again(100, Text(70, 'y'));
  for (const Text& text : again) EXPECT_EQ(text, Text(70, 'y'));
}

}  // namespace
}  // namespace lp::base
