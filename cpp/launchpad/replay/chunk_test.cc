#include "launchpad/replay/chunk.h"

#include <gtest/gtest.h>

#include <cstring>

#include "launchpad/base/rng.h"

namespace lp::replay {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

// A column of `rows` frames of 8 x 8 x 8 that change little from row to row.
std::vector<std::vector<uint16_t>> frames(int rows) {
  std::vector<std::vector<uint16_t>> all;
  base::Rng rng(3);
  std::vector<uint16_t> frame(512);
  for (auto& value : frame) value = static_cast<uint16_t>(rng());
  for (int row = 0; row < rows; ++row) {
    frame[static_cast<size_t>(row) % 512] += 1;
    all.push_back(frame);
  }
  return all;
}

struct Form {
  const char* name;
  ChunkOptions options;
};

class ChunkForms : public testing::TestWithParam<Form> {};

TEST_P(ChunkForms, EachRowComesBackAsItWasInAnyOrder) {
  const Spec spec{DType::kUint16, {8, 64}};
  const auto rows = frames(200);
  ChunkBuilder builder(1, 2, GetParam().options);
  for (const auto& row : rows) builder.append(0, spec, bytes_of(row));
  const ChunkRef chunk = std::move(builder).build().value();
  ASSERT_EQ(chunk->rows(0), 200U);
  for (const auto& [first, count, step] :
       {std::tuple{0, 200, 1}, {199, 200, -1}, {3, 50, 3}, {77, 4, 0}, {150, 1, 1}, {60, 10, 7}}) {
    std::vector<uint16_t> out(static_cast<size_t>(count) * 512);
    ASSERT_TRUE(chunk
                    ->read(0, static_cast<uint32_t>(first), static_cast<uint32_t>(count), step,
                           reinterpret_cast<std::byte*>(out.data()))
                    .ok());
    for (int i = 0; i < count; ++i) {
      const auto& row = rows[static_cast<size_t>(first + i * step)];
      ASSERT_EQ(std::memcmp(out.data() + i * 512, row.data(), 1024), 0) << first << " " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ChunkForms,
                         testing::Values(Form{"Raw", {false, false}}, Form{"Compressed", {}},
                                         Form{"Delta", {true, true}}),
                         [](const auto& test) { return test.param.name; });

TEST(Chunk, DeltaStoresFramesThatChangeLittleInATenthOfTheirBytes) {
  ChunkBuilder builder(1, 2, {.compress = true, .delta = true});
  for (const auto& row : frames(60)) {
    builder.append(0, Spec{DType::kUint16, {8, 64}}, bytes_of(row));
  }
  const ChunkRef chunk = std::move(builder).build().value();
  EXPECT_LT(chunk->bytes(), chunk->raw_bytes() / 10);
}

TEST(Chunk, NoiseStaysRaw) {
  base::Rng rng(4);
  std::vector<uint64_t> noise(4096);
  for (auto& value : noise) value = rng();
  ChunkBuilder builder(1, 2);
  builder.append(0, Spec{DType::kUint64, {4096}}, bytes_of(noise));
  const ChunkRef chunk = std::move(builder).build().value();
  ASSERT_EQ(chunk->data().size(), 4096U * 8);
  EXPECT_EQ(std::memcmp(chunk->data().data(), noise.data(), 4096 * 8), 0);
}

TEST(Chunk, ColumnsMayHaveDifferentNumbersOfRows) {
  ChunkBuilder builder(1, 2);
  const std::vector<int64_t> one{1}, two{2};
  builder.append(0, Spec{DType::kInt64, {}}, bytes_of(one));
  builder.append(1, Spec{DType::kInt64, {1}}, bytes_of(two));
  builder.append(0, Spec{DType::kInt64, {}}, bytes_of(two));
  const ChunkRef chunk = std::move(builder).build().value();
  EXPECT_EQ(chunk->rows(0), 2U);
  EXPECT_EQ(chunk->rows(1), 1U);
  int64_t value = 0;
  ASSERT_TRUE(chunk->read(1, 0, 1, 1, reinterpret_cast<std::byte*>(&value)).ok());
  EXPECT_EQ(value, 2);
}

TEST(Chunk, StringsKeepTheirLengthsAndTheirZeros) {
  const std::vector<std::string> first{"a", ""}, second{std::string("\0x\0", 3), "longer"};
  ChunkBuilder builder(1, 2);
  builder.append(0, Spec{std::nullopt, {2}}, bytes_of(encode_strings(first)));
  builder.append(0, Spec{std::nullopt, {2}}, bytes_of(encode_strings(second)));
  const ChunkRef chunk = std::move(builder).build().value();
  std::string out;
  ASSERT_TRUE(chunk->read_strings(0, 1, 2, -1, out).ok());
  const auto strings = decode_strings(bytes_of(out)).value();
  EXPECT_EQ(strings, (std::vector<std::string>{second[0], second[1], "a", ""}));
}

TEST(Chunk, ASmallOneTakesLittleMoreThanItsBytes) {
  ChunkBuilder builder(1, 2);
  const std::vector<float> row(10);
  builder.append(0, Spec{DType::kFloat32, {10}}, bytes_of(row));
  builder.append(1, Spec{DType::kFloat32, {}}, bytes_of(row).first(4));
  const ChunkRef chunk = std::move(builder).build().value();
  EXPECT_LE(chunk->bytes(), 44U + 100U);
}

Result<ChunkRef> remade(const ChunkRef& chunk, const std::vector<Block>& blocks, size_t size) {
  return Chunk::make(1, 2, chunk->layout(), blocks, chunk->shared_data().first(size));
}

TEST(Chunk, BlocksThatDoNotFitTheirBytesAreRefused) {
  ChunkBuilder builder(1, 2);
  for (const auto& row : frames(20)) {
    builder.append(0, Spec{DType::kUint16, {8, 64}}, bytes_of(row));
  }
  builder.append(1, Spec{std::nullopt, {}},
                 bytes_of(encode_strings(std::vector<std::string>{"x"})));
  const ChunkRef chunk = std::move(builder).build().value();
  const std::vector<Block> right{chunk->block(0), chunk->block(1)};
  const size_t size = chunk->data().size();
  ASSERT_TRUE(remade(chunk, right, size).ok());
  const auto refused = [&](auto change) {
    std::vector<Block> blocks = right;
    change(blocks);
    return !remade(chunk, blocks, size).ok();
  };
  EXPECT_FALSE(remade(chunk, right, size - 1).ok());
  EXPECT_TRUE(refused([](auto& blocks) { blocks.pop_back(); }));
  EXPECT_TRUE(refused([](auto& blocks) { blocks[0].begin = ~uint64_t{0}; }));
  EXPECT_TRUE(refused([](auto& blocks) { blocks[0].size = ~uint64_t{0}; }));
  EXPECT_TRUE(refused([](auto& blocks) { blocks[0].rows = ~uint32_t{0}; }));
  EXPECT_TRUE(refused([](auto& blocks) { blocks[0].codec = static_cast<wire::Compression>(9); }));
  EXPECT_TRUE(refused([](auto& blocks) { blocks[1].rows = 5; }));
  EXPECT_TRUE(refused([](auto& blocks) { blocks[1].codec = wire::Compression::kLz4; }));
  EXPECT_TRUE(refused([](auto& blocks) {
    blocks[0].codec = wire::Compression::kNone;
    blocks[0].rows_per_group = 0;
  }));
}

TEST(Chunk, ThroughAnyDamageReadsEndWithBytesOrDataLoss) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  const Spec spec{DType::kUint16, {8, 64}};
  ChunkBuilder builder(1, 2, {.compress = true, .delta = true});
  for (const auto& row : frames(200)) builder.append(0, spec, bytes_of(row));
  const ChunkRef chunk = std::move(builder).build().value();
  std::vector<std::byte> out(200 * 1024);
  for (int round = 0; round < 200; ++round) {
    auto copy =
        std::make_shared<std::vector<std::byte>>(chunk->data().begin(), chunk->data().end());
    for (int i = 0; i < 4; ++i) (*copy)[rng() % copy->size()] = static_cast<std::byte>(rng());
    const auto damaged = Chunk::make(1, 2, chunk->layout(), {chunk->block(0)},
                                     wire::Buffer(copy, copy->data(), copy->size()));
    if (!damaged.ok()) continue;
    const Status status = damaged.value()->read(0, 0, 200, 1, out.data());
    EXPECT_TRUE(status.ok() || status.error().code == Code::kDataLoss);
  }
}

}  // namespace
}  // namespace lp::replay
