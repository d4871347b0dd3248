#include "launchpad/shm/pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>
#include <new>
#include <vector>

namespace lp::shm {
namespace {

TEST(PoolTest, ASegmentIsUsedAgain) {
  Pool& pool = Pool::instance();
  auto block = pool.allocate(1 << 20);
  ASSERT_NE(block, nullptr);
  const Segment* const segment = block->segment().get();
  block.reset();
  block = pool.allocate(1 << 20);
  EXPECT_EQ(block->segment().get(), segment);
}

TEST(PoolTest, ATaintedSegmentIsNotUsedAgain) {
  Pool& pool = Pool::instance();
  pool.trim();
  auto block = pool.allocate(1 << 20);
  ASSERT_NE(block, nullptr);
  block->taint();
  block.reset();
  EXPECT_EQ(pool.info().idle_segments, 0u);
}

TEST(PoolTest, BlocksThatLiveTogetherLieApart) {
  auto one = Pool::instance().allocate(1 << 16);
  auto other = Pool::instance().allocate(1 << 16);
  ASSERT_NE(one, nullptr);
  ASSERT_NE(other, nullptr);
  EXPECT_NE(one->segment(), other->segment());
}

TEST(PoolTest, WhatLiesIdleIsLimited) {
  Pool& pool = Pool::instance();
  pool.trim();
  {
    std::vector<std::shared_ptr<Block>> blocks;
    for (int i = 0; i < 8; ++i) blocks.push_back(pool.allocate(kMaxIdleBytes / 4));
  }
  EXPECT_LE(pool.info().idle_bytes, kMaxIdleBytes);
  EXPECT_EQ(pool.info().idle_segments, 4u);
  { auto large = pool.allocate(2 * kMaxIdleBytes); }
  EXPECT_EQ(pool.info().idle_segments, 4u);
  pool.trim();
  EXPECT_EQ(pool.info().idle_bytes, 0u);
}

TEST(PoolTest, ManySegmentsInUseAreRefusedNotAnError) {
  Pool& pool = Pool::instance();
  std::vector<std::shared_ptr<Block>> blocks;
  while (auto block = pool.allocate(4096)) {
    blocks.push_back(std::move(block));
    ASSERT_LE(blocks.size(), kMaxSegments);
  }
  EXPECT_GE(blocks.size(), kMaxSegments / 2);  // Descriptors may run out first.
  blocks.clear();
  EXPECT_NE(pool.allocate(4096), nullptr);
  pool.trim();
}

TEST(PoolTest, MoreBytesThanCanBeAddressedAreRefused) {
  // The rounding up must not wrap around to a small segment.
  volatile size_t size = std::numeric_limits<size_t>::max();
  EXPECT_THROW(Pool::instance().allocate(size), std::bad_alloc);
}

TEST(PoolTest, CapacityWastesAtMostAnEighth) {
  EXPECT_EQ(Pool::capacity_for(1), 4096u);
  for (size_t size = 1 << 15; size < size_t{1} << 32; size = size * 17 / 16 + 5) {
    const size_t capacity = Pool::capacity_for(size);
    EXPECT_GE(capacity, size);
    EXPECT_LE(capacity, size + size / 8 + 1);
    EXPECT_EQ(capacity % 4096, 0u);
  }
}

TEST(PoolTest, AForkedChildDoesNotWriteIntoItsParentsMemory) {
  Pool& pool = Pool::instance();
  pool.trim();
  auto block = pool.allocate(1 << 16);
  ASSERT_NE(block, nullptr);
  const Segment* const segment = block->segment().get();
  segment->capacity();
  block->segment()->data()[0] = std::byte{1};
  block.reset();  // Idle, in both.
  const pid_t child = ::fork();
  if (child == 0) {
    auto fresh = Pool::instance().allocate(1 << 16);
    const bool own = fresh != nullptr && fresh->segment().get() != segment;
    if (own) fresh->segment()->data()[0] = std::byte{2};
    ::_exit(own ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  block = pool.allocate(1 << 16);
  EXPECT_EQ(block->segment().get(), segment);
  EXPECT_EQ(block->segment()->data()[0], std::byte{1});
}

TEST(BlockTest, WhatIsLentIsWrittenByNobody) {
  auto block = Pool::instance().allocate(1 << 16);
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(block->writable());
  block->freeze();
  EXPECT_FALSE(block->writable());
  EXPECT_TRUE(block->thaw());
  EXPECT_TRUE(block->writable());
}

TEST(BlockTest, WhatIsNotOwnedNeverBecomesWritable) {
  auto segment = Segment::create(4096);
  ASSERT_TRUE(segment.ok());
  Block block(segment.value(), false, nullptr);
  EXPECT_FALSE(block.thaw());
  EXPECT_FALSE(block.writable());
}

}  // namespace
}  // namespace lp::shm
