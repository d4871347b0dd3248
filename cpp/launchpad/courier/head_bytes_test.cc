#include "launchpad/courier/head_bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace lp::courier {
namespace {

TEST(HeadBytes, KeepWhatWasWrittenWhileTheyGrow) {
  HeadBytes bytes;
  EXPECT_EQ(bytes.size(), 0U);
  std::string expected;
  for (size_t size = 1; size < 1000; ++size) {
    const std::string part(size, static_cast<char>('a' + size % 26));
    std::memcpy(bytes.extend(size), part.data(), size);
    expected += part;
  }
  EXPECT_EQ(std::string(bytes.data(), bytes.size()), expected);
}

TEST(HeadBytes, KeepTheirMemoryWhenCleared) {
  HeadBytes bytes;
  bytes.extend(1000);
  const size_t capacity = bytes.capacity();
  const char* const data = bytes.data();
  bytes.clear();
  EXPECT_EQ(bytes.size(), 0U);
  EXPECT_EQ(bytes.extend(capacity), data);
  EXPECT_EQ(bytes.capacity(), capacity);
}

}  // namespace
}  // namespace lp::courier
