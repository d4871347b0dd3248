#include "launchpad/replay/trajectory.h"

#include <gtest/gtest.h>

#include "launchpad/replay/test_items.h"

namespace lp::replay {
namespace {

Result<TrajectoryRef> make(std::vector<ColumnSlices> columns, std::vector<ChunkRef> chunks) {
  return Trajectory::make(make_ref<const Layout>(std::move(columns)), chunks);
}

TEST(Trajectory, ReadsItsSlicesInOrderOverChunks) {
  const auto trajectory =
      make({{{Slice{1, 0, 0, 2, 1}, Slice{0, 0, 9, 3, -4}, Slice{0, 0, 5, 2, 0}}, false}},
           {numbers(1, 0, 10), numbers(2, 100, 5)})
          .value();
  EXPECT_EQ(values(*trajectory), (std::vector<int64_t>{100, 101, 9, 5, 1, 5, 5}));
  EXPECT_EQ(trajectory->shape(0).shape, (Tensor::Shape{7}));
}

TEST(Trajectory, ASqueezedColumnHasNoTimeDimension) {
  const auto trajectory = make({{{Slice{0, 0, 3, 1, 1}}, true}}, {numbers(1, 0, 10)}).value();
  EXPECT_EQ(trajectory->shape(0).shape, Tensor::Shape{});
}

TEST(Trajectory, SlicesOutsideOfTheirChunksAreRefused) {
  const std::vector<ChunkRef> chunks{numbers(1, 0, 10)};
  for (const Slice& bad : {Slice{1, 0, 0, 1, 1}, Slice{0, 1, 0, 1, 1}, Slice{0, 0, 10, 1, 1},
                           Slice{0, 0, 9, 2, 1}, Slice{0, 0, 3, 5, -1}, Slice{0, 0, 0, 0, 1},
                           Slice{0, 0, 0, UINT32_MAX, INT32_MAX}, Slice{0, 0, UINT32_MAX, 1, 1}}) {
    EXPECT_EQ(make({{{bad}, false}}, chunks).error().code, Code::kInvalidArgument);
  }
}

TEST(Trajectory, NoColumnsEmptyOnesAndMixedOnesAreRefused) {
  const std::vector<ChunkRef> chunks{numbers(1, 0, 2)};
  EXPECT_EQ(make({}, chunks).error().message, "trajectory must not be empty.");
  EXPECT_FALSE(make({{{}, false}}, chunks).ok());
  EXPECT_FALSE(make({{{Slice{0, 0, 0, 2, 1}}, true}}, chunks).ok());
  ChunkBuilder builder(5, 1);
  const double one = 1;
  builder.append(0, Spec{DType::kFloat64, {}}, std::as_bytes(std::span(&one, 1)));
  const ChunkRef doubles = std::move(builder).build().value();
  const auto mixed =
      make({{{Slice{0, 0, 0, 1, 1}, Slice{1, 0, 0, 1, 1}}, false}}, {numbers(1, 0, 2), doubles});
  EXPECT_NE(mixed.error().message.find("int64 != double"), std::string::npos)
      << mixed.error().message;
}

TEST(Trajectory, OneThatWouldFillTheMemoryIsRefused) {
  const auto huge = make({{{Slice{0, 0, 0, UINT32_MAX, 0}}, false}}, {numbers(1, 0, 1)});
  EXPECT_EQ(huge.error().code, Code::kInvalidArgument);
}

TEST(Trajectory, ColumnsWhoseBytesWouldWrapAroundAreRefused) {
  ChunkBuilder builder(1, 1);
  const std::vector<std::byte> row(size_t{1} << 20);
  builder.append(0, Spec{DType::kUint8, {1 << 20}}, row);
  const ChunkRef chunk = std::move(builder).build().value();
  // 2^13 slices of 2^31 steps of 2^20 bytes: 2^64.
  const ColumnSlices column{std::vector<Slice>(1 << 13, Slice{0, 0, 0, 1U << 31, 0}), false};
  EXPECT_EQ(make({column}, {chunk}).error().code, Code::kInvalidArgument);
}

TEST(Trajectory, StringsThatWouldFillTheMemoryAreRefused) {
  const std::string text = encode_strings(std::vector<std::string>{std::string(1 << 20, 'x')});
  ChunkBuilder builder(1, 1);
  builder.append(0, Spec{std::nullopt, {1}}, std::as_bytes(std::span(text)));
  const std::vector<ChunkRef> chunks{std::move(builder).build().value()};
  EXPECT_EQ(make({{{Slice{0, 0, 0, 1U << 20, 0}}, false}}, chunks).error().code,
            Code::kInvalidArgument);
  const auto some = make({{{Slice{0, 0, 0, 3, 0}, Slice{0, 0, 0, 1, -1}}, false}}, chunks).value();
  std::string out;
  ASSERT_TRUE(some->read_strings(0, out).ok());
  EXPECT_EQ(some->step_bytes(0), out.size());
}

}  // namespace
}  // namespace lp::replay
