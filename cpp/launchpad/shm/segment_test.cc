#include "launchpad/shm/segment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace lp::shm {
namespace {

constexpr size_t kSize = 1 << 20;

TEST(SegmentTest, WhatOneWritesTheOtherReads) {
  auto made = Segment::create(kSize);
  ASSERT_TRUE(made.ok());
  std::memcpy(made.value()->data(), "hello", 5);
  void* const seen = ::mmap(nullptr, kSize, PROT_READ, MAP_SHARED, made.value()->fd(), 0);
  ASSERT_NE(seen, MAP_FAILED);
  EXPECT_EQ(std::memcmp(seen, "hello", 5), 0);
  ::munmap(seen, kSize);
}

TEST(SegmentTest, NobodyCanMakeItSmaller) {
  auto made = Segment::create(kSize);
  ASSERT_TRUE(made.ok());
  EXPECT_NE(::ftruncate(made.value()->fd(), 0), 0);
}

TEST(SegmentTest, TheSameMemoryIsTheSameObject) {
  auto made = Segment::create(kSize);
  ASSERT_TRUE(made.ok());
  auto again = Segment::open(base::Fd(::dup(made.value()->fd())), kSize);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().get(), made.value().get());
}

TEST(SegmentTest, MemoryThatCanShrinkIsRefused) {
  base::Fd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(fd.get(), kSize), 0);
  const auto opened = Segment::open(std::move(fd), kSize);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kInvalidArgument);
}

TEST(SegmentTest, LessMemoryThanWasSaidIsRefused) {
  base::Fd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(fd.get(), kSize), 0);
  ASSERT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_FALSE(Segment::open(base::Fd(::dup(fd.get())), 2 * kSize).ok());
  EXPECT_TRUE(Segment::open(base::Fd(::dup(fd.get())), kSize).ok());
}

TEST(SegmentTest, WhatIsNoMemoryIsRefused) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(Segment::open(base::Fd(ends[0]), kSize).ok());
  ::close(ends[1]);
  EXPECT_FALSE(Segment::open(base::Fd(::open("/dev/null", O_RDONLY)), kSize).ok());
}

TEST(SegmentTest, WhoIsHandedMemoryReadsItUntilHeTakesItOver) {
  base::Fd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(fd.get(), kSize), 0);
  ASSERT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  auto opened = Segment::open(std::move(fd), kSize);
  ASSERT_TRUE(opened.ok());
  EXPECT_FALSE(opened.value()->writable());
  ASSERT_TRUE(opened.value()->make_writable());
  opened.value()->data()[0] = std::byte{7};
  EXPECT_EQ(opened.value()->data()[0], std::byte{7});
}

}  // namespace
}  // namespace lp::shm
