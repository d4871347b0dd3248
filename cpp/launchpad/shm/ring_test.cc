#include "launchpad/shm/ring.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "launchpad/base/rng.h"

namespace lp::shm {
namespace {

class RingTest : public testing::Test {
 protected:
  size_t write(std::string_view text) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    return *writer_.write({&part, 1});
  }
  std::string read(size_t size = 2 * kRingBytes) {
    std::string text(size, '\0');
    text.resize(*reader_.read(std::as_writable_bytes(std::span(text))));
    return text;
  }

  std::unique_ptr<Ring> ring_ = std::make_unique<Ring>();
  RingWriter writer_{*ring_};
  RingReader reader_{*ring_};
};

TEST_F(RingTest, ReadsWhatWasWrittenInOrder) {
  EXPECT_EQ(write("one "), 4u);
  EXPECT_EQ(write("two"), 3u);
  EXPECT_EQ(read(5), "one t");
  EXPECT_EQ(read(), "wo");
  EXPECT_EQ(read(), "");
}

TEST_F(RingTest, TakesWhatFitsAndGoesOnAroundItsEnd) {
  const std::string text(kRingBytes + 10, 'a');
  EXPECT_EQ(write(text), kRingBytes);
  EXPECT_FALSE(writer_.has_room());
  EXPECT_EQ(write("b"), 0u);
  EXPECT_EQ(read(100).size(), 100u);
  EXPECT_TRUE(writer_.has_room());
  EXPECT_EQ(write(std::string(200, 'b')), 100u);
  EXPECT_EQ(read(), std::string(kRingBytes - 100, 'a') + std::string(100, 'b'));
}

TEST_F(RingTest, WritesPartsAsOne) {
  std::string one = "one";
  std::string two = "two";
  const iovec parts[] = {{one.data(), 3}, {nullptr, 0}, {two.data(), 3}};
  EXPECT_EQ(*writer_.write(parts), 6u);
  EXPECT_EQ(read(), "onetwo");
}

TEST_F(RingTest, SaysHowMuchThereIsAndWhetherAllIsRead) {
  EXPECT_TRUE(writer_.drained());
  write("abc");
  EXPECT_EQ(reader_.bytes(), 3u);
  EXPECT_FALSE(writer_.drained());
  read(2);
  EXPECT_EQ(reader_.bytes(), 1u);
  EXPECT_FALSE(writer_.drained());
  read();
  EXPECT_TRUE(writer_.drained());
}

TEST_F(RingTest, TellsOnceWhoAskedForBytes) {
  write("x");
  EXPECT_FALSE(writer_.reader_asked());
  EXPECT_FALSE(reader_.ask_for_bytes());  // There are some.
  read();
  EXPECT_TRUE(reader_.ask_for_bytes());
  write("y");
  EXPECT_TRUE(writer_.reader_asked());
  EXPECT_FALSE(writer_.reader_asked());
}

TEST_F(RingTest, TellsOnceWhoAskedForRoom) {
  write(std::string(kRingBytes, 'x'));
  EXPECT_TRUE(writer_.ask_for_room());
  read(1);
  EXPECT_TRUE(reader_.writer_asked());
  EXPECT_FALSE(reader_.writer_asked());
  EXPECT_FALSE(writer_.ask_for_room());  // There is some.
}

TEST_F(RingTest, APeerThatBreaksThePositionsIsFoundOut) {
  ring_->tail.store(kRingBytes + 1);
  std::byte byte;
  EXPECT_FALSE(reader_.read({&byte, 1}).has_value());
  ring_->head.store(1);
  const std::string text(2 * kRingBytes, 'x');
  const iovec part{const_cast<char*>(text.data()), text.size()};
  EXPECT_FALSE(writer_.write({&part, 1}).has_value());
}

TEST_F(RingTest, CarriesAStreamBetweenTwoThreads) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  constexpr size_t kTotal = 8 << 20;
  std::thread sender([&] {
    base::Rng rng(seed);
    std::string chunk(5000, '\0');
    for (size_t sent = 0; sent < kTotal;) {
      const size_t size = std::min<size_t>(1 + rng() % chunk.size(), kTotal - sent);
      for (size_t i = 0; i < size; ++i) chunk[i] = static_cast<char>((sent + i) % 251);
      size_t at = 0;
      while (at < size) {
        at += write(std::string_view(chunk).substr(at, size - at));
        if (at < size) std::this_thread::yield();
      }
      sent += size;
    }
  });
  size_t received = 0;
  bool right = true;
  while (received < kTotal) {
    const std::string got = read(3000);
    if (got.empty()) std::this_thread::yield();
    for (const char byte : got) right &= byte == static_cast<char>(received++ % 251);
  }
  sender.join();
  EXPECT_TRUE(right);
}

TEST_F(RingTest, TheReaderHearsOnceHowItShallWait) {
  EXPECT_EQ(reader_.take_rest(), Rest::kNo);
  writer_.ask_to_rest(Rest::kIfCrowded);
  writer_.ask_to_rest(Rest::kYes);
  EXPECT_EQ(reader_.take_rest(), Rest::kYes);
  EXPECT_EQ(reader_.take_rest(), Rest::kNo);
}

TEST_F(RingTest, TheWriterHearsWhereTheReaderSleeps) {
  const int core = ::sched_getcpu();
  ASSERT_TRUE(reader_.ask_for_bytes());
  const bool moved = ::sched_getcpu() != core;
  EXPECT_TRUE(moved || writer_.reader_core() == static_cast<uint32_t>(core));
}

}  // namespace
}  // namespace lp::shm
