#include "launchpad/wire/compression.h"

#include <gtest/gtest.h>

#include "launchpad/base/rng.h"

namespace lp::wire {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

class CompressionTest : public testing::TestWithParam<Compression> {};

TEST_P(CompressionTest, WhatWasCompressedComesBackBehindWhatWasThere) {
  for (size_t size : {0, 1, 100, 70'000}) {
    const std::string text(size, 'x');
    std::string out = "before";
    ASSERT_TRUE(compress(GetParam(), bytes_of(text), size + 1024, out));
    EXPECT_EQ(out.substr(0, 6), "before");
    std::string back(size, ' ');
    ASSERT_TRUE(
        decompress(GetParam(), bytes_of(out).subspan(6), std::as_writable_bytes(std::span(back)))
            .ok());
    EXPECT_EQ(back, text);
  }
}

TEST_P(CompressionTest, WhatDoesNotFitTheLimitLeavesTheOutputAsItWas) {
  base::Rng rng(7);
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(rng());
  std::string out = "before";
  EXPECT_FALSE(compress(GetParam(), bytes_of(text), 900, out));
  EXPECT_EQ(out, "before");
}

TEST_P(CompressionTest, ALimitBeyondWhatIsNeededTakesNoMemory) {
  const std::string text(1000, 'x');
  std::string out;
  ASSERT_TRUE(compress(GetParam(), bytes_of(text), size_t{1} << 26, out));
  EXPECT_LT(out.capacity(), 10'000U);
}

TEST_P(CompressionTest, DamageAndAWrongSizeAreDataLoss) {
  const std::string text = std::string(500, 'x') + std::string(500, 'y');
  std::string out;
  ASSERT_TRUE(compress(GetParam(), bytes_of(text), 2000, out));
  std::string back(999, ' ');
  const auto target = [&] { return std::as_writable_bytes(std::span(back)); };
  EXPECT_EQ(decompress(GetParam(), bytes_of(out), target()).error().code, Code::kDataLoss);
  back.resize(1000);
  EXPECT_EQ(decompress(GetParam(), bytes_of(out).first(out.size() / 2), target()).error().code,
            Code::kDataLoss);
}

INSTANTIATE_TEST_SUITE_P(All, CompressionTest,
                         testing::Values(Compression::kNone, Compression::kLz4, Compression::kZstd),
                         [](const auto& test) {
                           return std::string(test.param == Compression::kNone  ? "None"
                                              : test.param == Compression::kLz4 ? "Lz4"
                                                                                : "Zstd");
                         });

}  // namespace
}  // namespace lp::wire
