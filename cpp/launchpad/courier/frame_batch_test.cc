#include "launchpad/courier/frame_batch.h"

#include <gtest/gtest.h>

namespace lp::courier {
namespace {

const wire::Frame* room_of_the_next() {
  FrameBatch batch;
  EXPECT_TRUE(batch.frames().empty());
  return batch.frames().data();
}

TEST(FrameBatch, UsesTheRoomOfTheLastOneButNotItsFrames) {
  const wire::Frame* room = nullptr;
  {
    FrameBatch batch;
    batch.frames().resize(100);
    room = batch.frames().data();
  }
  EXPECT_EQ(room_of_the_next(), room);
}

TEST(FrameBatch, WithinAnotherHasRoomOfItsOwn) {
  FrameBatch outer;
  outer.frames().resize(10);
  {
    FrameBatch inner;
    inner.frames().resize(10);
    EXPECT_NE(inner.frames().data(), outer.frames().data());
  }
  EXPECT_EQ(outer.frames().size(), 10U);
}

TEST(FrameBatch, KeepsNoMoreRoomThanItsLimit) {
  {
    FrameBatch batch;
    batch.frames().resize(FrameBatch::kMostKept + 1);
  }
  FrameBatch next;
  EXPECT_LE(next.frames().capacity(), FrameBatch::kMostKept);
}

}  // namespace
}  // namespace lp::courier
