#include "launchpad/wire/staging.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace lp::wire {
namespace {

constexpr size_t kMuch = Staging::kKeptBytes + 1;

void add(Staging& staging, std::string_view text) {
  while (!text.empty()) {
    const auto space = staging.space(Staging::kBytes);
    const size_t size = std::min(space.size(), text.size());
    std::memcpy(space.data(), text.data(), size);
    staging.add(size);
    staging.check_invariants();
    text.remove_prefix(size);
  }
}

std::string text_of(const Staging& staging) {
  return {reinterpret_cast<const char*>(staging.data()), staging.size()};
}

// Where a staging of this thread that has none yet would put its bytes.
const std::byte* room_of_the_next() {
  Staging next;
  const std::byte* const room = next.space(1).data();
  add(next, std::string(kMuch, 'n'));
  next.drop(kMuch);
  next.leave();
  return room;
}

TEST(Staging, KeepsWhatIsAddedUntilItIsDropped) {
  Staging staging;
  add(staging, "one two");
  staging.drop(4);
  add(staging, " three");
  EXPECT_EQ(text_of(staging), "two three");
}

TEST(Staging, GivesNoMoreSpaceThanIsAskedFor) {
  Staging staging;
  EXPECT_EQ(staging.space(100).size(), 100u);
  EXPECT_EQ(staging.space(2 * Staging::kBytes).size(), Staging::kBytes);
}

TEST(Staging, HoldsAsMuchAsItMustAndUsesItsRoomAgain) {
  Staging staging;
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(997, static_cast<char>('a' + i % 26));
    add(staging, piece);
    all += piece;
    if (i % 300 < 150) continue;
    const size_t dropped = std::min<size_t>(staging.size(), 2 * 997 + 13);
    staging.drop(dropped);
    all.erase(0, dropped);
    ASSERT_EQ(text_of(staging), all);
  }
}

TEST(Staging, LeavesWhatItTouchedToTheNextOfItsThread) {
  Staging staging;
  add(staging, std::string(kMuch, 'x'));
  const std::byte* const room = staging.data();
  staging.drop(kMuch);
  staging.leave();
  EXPECT_EQ(room_of_the_next(), room);
  const std::byte* others = nullptr;
  std::thread([&] { others = room_of_the_next(); }).join();
  EXPECT_NE(others, room);
  add(staging, "again");
  EXPECT_EQ(text_of(staging), "again");
}

TEST(Staging, KeepsALittleToItself) {
  Staging staging;
  add(staging, "little");
  const std::byte* const room = staging.data();
  staging.drop(6);
  staging.leave();
  EXPECT_NE(room_of_the_next(), room);
  EXPECT_EQ(staging.space(1).data(), room);
}

}  // namespace
}  // namespace lp::wire
