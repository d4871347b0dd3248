#include "launchpad/replay/key_map.h"

#include <gtest/gtest.h>

#include <set>
#include <unordered_map>

#include "launchpad/base/rng.h"

namespace lp::replay {
namespace {

TEST(KeyMap, HoldsWhatAnyOtherMapHoldsThroughAnyChanges) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  KeyMap map(rng());
  std::unordered_map<uint64_t, uint32_t> model;
  for (int round = 0; round < 200'000; ++round) {
    // Few keys, some of them next to each other: long runs, and holes in them.
    const uint64_t key = rng() % 2 == 0 ? rng() % 300 : (rng() % 300) << 32;
    if (rng() % 3 == 0) {
      ASSERT_EQ(map.erase(key), model.erase(key) == 1);
    } else {
      map[key] = model[key] = static_cast<uint32_t>(round);
    }
    ASSERT_EQ(map.size(), model.size());
  }
  for (const auto& [key, value] : model) {
    ASSERT_NE(map.find(key), nullptr);
    ASSERT_EQ(*map.find(key), value);
  }
}

TEST(KeyMap, WithRoomForItsKeysDoesNotGrow) {
  for (const size_t keys : {size_t{1}, size_t{12}, size_t{13}, size_t{1000}, size_t{3072}}) {
    KeyMap map(1, keys);
    const size_t before = map.bytes();
    for (uint64_t key = 0; key < keys; ++key) map[key] = static_cast<uint32_t>(key);
    EXPECT_EQ(map.bytes(), before) << keys;
  }
}

// Else a map of such keys is one long list.
TEST(KeyMap, KeysThatDifferInAnyBitsBeginAtDifferentPlaces) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  for (int shift = 0; shift <= 52; ++shift) {
    const uint64_t salt = rng();
    std::set<uint64_t> homes;
    for (uint64_t i = 0; i < 4096; ++i) homes.insert(KeyMap::mixed(i << shift, salt) % 4096);
    EXPECT_GT(homes.size(), 1000U) << shift;
  }
}

}  // namespace
}  // namespace lp::replay
