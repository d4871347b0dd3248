#include "launchpad/wire/packing.h"

#include <gtest/gtest.h>

#include <cstring>

#include "launchpad/base/rng.h"

namespace lp::wire {
namespace {

Buffer filled(size_t size, char value) {
  Buffer buffer = Buffer::allocate(size);
  std::memset(buffer.mutable_data(), value, size);
  return buffer;
}

Payload sample_payload() {
  Payload payload;
  payload.encoding = Encoding::kPickle;
  payload.body = std::string(3000, 'b');
  payload.buffers = {filled(100'000, 1), Buffer::allocate(0), filled(77, 2)};
  return payload;
}

TEST(Packing, WhatWasPackedIsTheSameAgain) {
  const Payload payload = sample_payload();
  Payload storage;
  const Payload& sent = packed(payload, storage);
  ASSERT_TRUE(sent.packed);
  EXPECT_LT(sent.bytes(), payload.bytes() / 4);
  Payload back = sent;
  ASSERT_TRUE(unpack(back, {}).ok());
  EXPECT_FALSE(back.packed);
  EXPECT_EQ(back.encoding, payload.encoding);
  EXPECT_EQ(back.body, payload.body);
  ASSERT_EQ(back.buffers.size(), payload.buffers.size());
  for (size_t i = 0; i < back.buffers.size(); ++i) {
    ASSERT_EQ(back.buffers[i].size(), payload.buffers[i].size());
    EXPECT_EQ(
        std::memcmp(back.buffers[i].data(), payload.buffers[i].data(), back.buffers[i].size()), 0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(back.buffers[i].data()) % 64, 0u);
  }
}

TEST(Packing, WhatDoesNotPayTravelsAsItIs) {
  Payload storage;
  Payload small;
  small.body = std::string(kPackFrom - 1, 'x');
  EXPECT_FALSE(packed(small, storage).packed);
  base::Rng rng(7);
  for (const size_t size : {size_t{2000}, size_t{1} << 20}) {
    Payload noise;
    noise.body.resize(size);
    for (char& byte : noise.body) byte = static_cast<char>(rng());
    EXPECT_FALSE(packed(noise, storage).packed) << size;
  }
}

TEST(Packing, ABombIsRefusedBeforeMemoryIsTaken) {
  Payload storage;
  const Payload bomb = packed(sample_payload(), storage);
  Payload back = bomb;
  EXPECT_EQ(unpack(back, {.total_bytes = 100'000}).error().code, Code::kResourceExhausted);
  back = bomb;
  EXPECT_EQ(unpack(back, {.body_bytes = 2999}).error().code, Code::kResourceExhausted);
  back = bomb;
  const uint64_t claim = uint64_t{1} << 29;  // Far more than these bytes can hold.
  std::memcpy(back.body.data(), &claim, sizeof(claim));
  EXPECT_EQ(unpack(back, {}).error().code, Code::kDataLoss);
}

TEST(Packing, DamageIsNoticedWhereverItIs) {
  Payload storage;
  const Payload whole = packed(sample_payload(), storage);
  for (size_t size = 0; size < whole.body.size(); size += 7) {
    Payload cut = whole;
    cut.body.resize(size);
    EXPECT_FALSE(unpack(cut, {}).ok()) << size;
  }
}

}  // namespace
}  // namespace lp::wire
