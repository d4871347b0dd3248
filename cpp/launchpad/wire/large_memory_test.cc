#include "launchpad/wire/large_memory.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "launchpad/wire/buffer.h"

namespace lp::wire {
namespace {

TEST(LargeMemory, IsUsedAgainForSizesThatAreNearlyTheSame) {
  Buffer buffer = Buffer::allocate(16 << 20);
  const void* const data = buffer.data();
  std::memset(buffer.mutable_data(), 7, buffer.size());
  buffer = Buffer();
  buffer = Buffer::allocate((16 << 20) - 1000);
  EXPECT_EQ(buffer.data(), data);
  // All of it can be written to, whether the system has taken its pages or not.
  std::memset(buffer.mutable_data(), 8, buffer.size());
}

TEST(LargeMemory, InUseIsNobodyElses) {
  const Buffer one = Buffer::allocate(kLargeBytes);
  const Buffer part = Buffer::allocate(kLargeBytes).part(100, 10);
  const Buffer other = Buffer::allocate(kLargeBytes);
  EXPECT_NE(one.data(), other.data());
  EXPECT_NE(part.data() - 100, other.data());
}

TEST(LargeMemory, WhatLiesIdleIsLimited) {
  {
    std::vector<std::shared_ptr<void>> all;
    for (int i = 0; i < 6; ++i) all.push_back(allocate_large(kMaxIdleLargeBytes / 4));
    EXPECT_LE(idle_large_bytes(), kMaxIdleLargeBytes);
  }
  EXPECT_EQ(idle_large_bytes(), kMaxIdleLargeBytes);
  allocate_large(kMaxIdleLargeBytes + 1).reset();
  EXPECT_EQ(idle_large_bytes(), kMaxIdleLargeBytes);
}

TEST(LargeMemory, GoesFromThreadToThread) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int turn = 0; turn < 20; ++turn) {
        auto memory = allocate_large(kLargeBytes + i);
        auto* const bytes = static_cast<uint8_t*>(memory.get());
        bytes[0] = bytes[kLargeBytes - 1] = static_cast<uint8_t>(i);
        std::thread([taken = std::move(memory), bytes, i] {
          EXPECT_EQ(bytes[0], i);
          EXPECT_EQ(bytes[kLargeBytes - 1], i);
        }).join();
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(LargeMemory, AForkedChildStartsWithNoneIdle) {
  allocate_large(kLargeBytes).reset();
  ASSERT_GT(idle_large_bytes(), 0u);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool none = idle_large_bytes() == 0;
    allocate_large(kLargeBytes).reset();
    ::_exit(none && idle_large_bytes() >= kLargeBytes ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace lp::wire
