#include "launchpad/wire/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

namespace lp::wire {
namespace {

TEST(Buffer, IsEmptyByDefault) {
  const Buffer buffer;
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_EQ(buffer.data(), nullptr);
  EXPECT_TRUE(buffer.span().empty());
}

TEST(Buffer, AllocatesMemoryAlignedFor64BytesOfAnySize) {
  // From 4 MiB on the memory lies on huge pages.
  for (const size_t size : {0, 1, 63, 64, 65, 1 << 20, (4 << 20) - 1, 4 << 20, (4 << 20) + 1}) {
    Buffer buffer = Buffer::allocate(size);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_NE(buffer.data(), nullptr) << size;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u) << size;
    std::memset(buffer.mutable_data(), 7, size);
  }
}

TEST(Buffer, OfMoreBytesThanCanBeAddressedIsRefused) {
  // The rounding up to the alignment must not wrap around to a small size.
  volatile size_t size = std::numeric_limits<size_t>::max();
  EXPECT_THROW(Buffer::allocate(size), std::bad_alloc);
}

TEST(Buffer, CopiesShareTheMemoryAndKeepItAlive) {
  Buffer copy;
  {
    Buffer buffer = Buffer::allocate(4);
    std::memcpy(buffer.mutable_data(), "abcd", 4);
    copy = buffer;
    EXPECT_EQ(copy.data(), buffer.data());
  }
  EXPECT_EQ(std::memcmp(copy.data(), "abcd", 4), 0);
}

TEST(Buffer, KeepsItsOwnerAliveAndNoLonger) {
  auto owner = std::make_shared<std::vector<int>>(10, 5);
  const std::weak_ptr<std::vector<int>> watched = owner;
  Buffer buffer(owner, owner->data(), owner->size() * sizeof(int));
  owner.reset();
  Buffer part = buffer.first(4);
  buffer = Buffer();
  ASSERT_FALSE(watched.expired());
  int value = 0;
  std::memcpy(&value, part.data(), sizeof(value));
  EXPECT_EQ(value, 5);
  part = Buffer();
  EXPECT_TRUE(watched.expired());
}

TEST(Buffer, FirstIsTheFrontOfTheSameMemory) {
  const Buffer buffer = Buffer::allocate(100);
  EXPECT_EQ(buffer.first(10).data(), buffer.data());
  EXPECT_EQ(buffer.first(10).size(), 10u);
}

TEST(Buffer, APartKeepsTheWholeAliveAndIsReadOnlyLikeIt) {
  Buffer part;
  {
    Buffer buffer = Buffer::allocate_shared(2 * kSharedBytes, false);
    ASSERT_NE(buffer.block(), nullptr);
    std::memset(buffer.mutable_data(), 7, buffer.size());
    part = buffer.part(kSharedBytes, 10);
    EXPECT_FALSE(part.read_only());
    buffer.block()->freeze();
    EXPECT_TRUE(part.read_only());
    // Not while the whole is held, too.
    EXPECT_FALSE(part.take());
  }
  // Who lends a block lends it from its start.
  EXPECT_EQ(part.block(), nullptr);
  EXPECT_EQ(part.size(), 10u);
  EXPECT_EQ(part.data()[9], std::byte{7});
  EXPECT_TRUE(part.take());
  EXPECT_FALSE(part.read_only());
}

}  // namespace
}  // namespace lp::wire
