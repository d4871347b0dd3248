#include "launchpad/wire/frame.h"

#include <gtest/gtest.h>

#include <cstring>

namespace lp::wire {
namespace {

Result<FrameHeader> parsed(const std::string& bytes, const FrameLimits& limits = {}) {
  FrameHeader header;
  LP_TRY(read_frame_header(reinterpret_cast<const std::byte*>(bytes.data()), limits, header));
  return header;
}

Payload payload_of(std::string body, std::vector<size_t> buffers = {}) {
  Payload payload;
  payload.body = std::move(body);
  for (const size_t size : buffers) payload.buffers.push_back(Buffer::allocate(size));
  return payload;
}

TEST(Frame, HeadIsLaidOutAsWrittenDown) {
  Payload payload = payload_of("body", {300, 0});
  payload.encoding = Encoding::kPickle;
  const std::string head =
      frame_head(FrameType::kReply, 0x0102030405060708, 0x1112131415161718, "go", payload);
  const std::string expected(
      "LPC1\x04\x01\x02\x00\x02\x00\x00\x00\x04\x00\x00\x00"  // Magic, type, encoding, sizes.
      "\x08\x07\x06\x05\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11"  // Id, argument.
      "go\x2c\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "body",
      kHeaderBytes + 2 + 16 + 4);
  EXPECT_EQ(head, expected);
}

TEST(Frame, HeadIsAsLongAsItSays) {
  const Payload payload = payload_of("body", {300, 0});
  std::string out(frame_head_bytes("go", payload) + 1, '#');
  write_frame_head(out.data(), FrameType::kCall, 1, 0, "go", payload);
  EXPECT_TRUE(out.ends_with("body#"));
}

TEST(Frame, HeaderOfEveryTypeRoundTrips) {
  for (int type = 1; type <= 7; ++type) {
    for (const Encoding encoding : {Encoding::kTyped, Encoding::kPickle}) {
      Payload payload = payload_of("12345", {1, 2, 3});
      payload.encoding = encoding;
      const auto header = parsed(
          frame_head(static_cast<FrameType>(type), UINT64_MAX, UINT64_MAX - 1, "method", payload));
      ASSERT_TRUE(header.ok());
      EXPECT_EQ(static_cast<int>(header.value().type), type);
      EXPECT_EQ(header.value().encoding, encoding);
      EXPECT_EQ(header.value().method_size, 6);
      EXPECT_EQ(header.value().buffer_count, 3u);
      EXPECT_EQ(header.value().body_size, 5u);
      EXPECT_EQ(header.value().id, UINT64_MAX);
      EXPECT_EQ(header.value().argument, UINT64_MAX - 1);
    }
  }
}

TEST(Frame, OfAnotherMagicTypeOrEncodingIsRefused) {
  const std::string head = frame_head(FrameType::kCall, 1, 2, "m", {});
  for (size_t at = 0; at < 6; ++at) {
    std::string broken = head;
    broken[at] = '\x40';
    EXPECT_EQ(parsed(broken).error().code, Code::kInvalidArgument) << at;
  }
  for (const int type : {0, 11, 255}) {
    std::string broken = head;
    broken[4] = static_cast<char>(type);
    EXPECT_EQ(parsed(broken).error().message, "a courier frame of unknown type") << type;
  }
  EXPECT_EQ(parsed("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").error().message,
            "these bytes are no courier frame");
}

// A limit is kept by who sends (check_frame) and by who receives (read_frame_header), with the
// same words.
void expect_limit(const FrameLimits& limits, std::string_view method, const Payload& payload,
                  const std::string& message) {
  const Status status = check_frame(method, payload, limits);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kResourceExhausted);
  EXPECT_EQ(status.error().message, message);
  const auto header = parsed(frame_head(FrameType::kCall, 1, 0, method, payload), limits);
  ASSERT_FALSE(header.ok());
  EXPECT_EQ(header.error().code, Code::kResourceExhausted);
  EXPECT_EQ(header.error().message, message);
}

TEST(Frame, BeyondALimitIsRefusedAtBothEnds) {
  const FrameLimits limits{.body_bytes = 10, .total_bytes = 20, .buffers = 2, .method_bytes = 3};
  expect_limit(limits, "four", {}, "a message's method name is 4, the limit is 3");
  expect_limit(limits, "", payload_of("12345678901"),
               "a message's body in bytes is 11, the limit is 10");
  expect_limit(limits, "", payload_of("", {1, 1, 1}),
               "a message's number of buffers is 3, the limit is 2");
  const FrameLimits small_total{.body_bytes = 100, .total_bytes = 20};
  expect_limit(small_total, "", payload_of(std::string(21, 'x')),
               "a message's size in bytes is 21, the limit is 20");
}

TEST(Frame, UpToEachLimitIsTaken) {
  const FrameLimits limits{.body_bytes = 10, .total_bytes = 20, .buffers = 2, .method_bytes = 3};
  const Payload payload = payload_of("1234567890", {4, 6});
  EXPECT_TRUE(check_frame("abc", payload, limits).ok());
  EXPECT_TRUE(parsed(frame_head(FrameType::kCall, 1, 0, "abc", payload), limits).ok());
  EXPECT_EQ(check_frame("abc", payload_of("1234567890", {4, 7}), limits).error().message,
            "a message's size in bytes is 21, the limit is 20");
}

TEST(Frame, WhatTheHeaderCannotSayIsRefusedWhateverTheLimitsAre) {
  // A method's name has 16 bits in the header; its size must not wrap around there.
  FrameLimits limits;
  limits.method_bytes = UINT32_MAX;
  EXPECT_TRUE(check_frame(std::string(65535, 'm'), {}, limits).ok());
  EXPECT_EQ(check_frame(std::string(65536, 'm'), {}, limits).error().message,
            "a message's method name is 65536, the limit is 65535");
}

}  // namespace
}  // namespace lp::wire
