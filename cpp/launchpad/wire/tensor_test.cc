#include "launchpad/wire/tensor.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>

namespace lp {
namespace {

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

// What `make` throws, or "nothing".
template <class F>
std::string thrown_by(F&& make) {
  try {
    make();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::kInvalidArgument);
    return error.message;
  }
  return "nothing";
}

wire::Buffer numbered_bytes(size_t size) {
  wire::Buffer buffer = wire::Buffer::allocate(size);
  for (size_t i = 0; i < size; ++i) buffer.mutable_data()[i] = static_cast<std::byte>(i);
  return buffer;
}

std::vector<int> elements(const Tensor& tensor) {
  const auto data = tensor.data<uint8_t>();
  return {data.begin(), data.end()};
}

TEST(Tensor, OfNothingIsAnEmptyVectorOfFloats) {
  const Tensor tensor;
  EXPECT_EQ(tensor.dtype(), DType::kFloat32);
  EXPECT_EQ(tensor.shape(), Tensor::Shape{0});
  EXPECT_EQ(tensor.size(), 0);
  EXPECT_TRUE(tensor.contiguous());
  EXPECT_TRUE(tensor.data<float>().empty());
}

TEST(Tensor, StartsAsZerosInRowMajorOrder) {
  const Tensor tensor(DType::kInt16, {2, 3, 4});
  EXPECT_EQ(tensor.size(), 24);
  EXPECT_EQ(tensor.nbytes(), 48u);
  EXPECT_EQ(tensor.strides(), (Tensor::Shape{24, 8, 2}));
  EXPECT_TRUE(tensor.contiguous());
  for (const int16_t value : tensor.data<int16_t>()) EXPECT_EQ(value, 0);
}

TEST(Tensor, WithoutDimensionsIsOneElement) {
  Tensor tensor = Tensor::of<double>({}, {2.5});
  EXPECT_EQ(tensor.size(), 1);
  EXPECT_TRUE(tensor.contiguous());
  EXPECT_EQ(tensor.data<double>()[0], 2.5);
  EXPECT_EQ(tensor.clone().data<double>()[0], 2.5);
}

TEST(Tensor, WithAZeroDimensionHasNoElements) {
  for (const Tensor::Shape& shape : {Tensor::Shape{0}, {3, 0}, {0, 3}, {2, 0, 4}}) {
    const Tensor tensor(DType::kFloat64, shape);
    EXPECT_EQ(tensor.size(), 0);
    EXPECT_EQ(tensor.nbytes(), 0u);
    EXPECT_TRUE(tensor.contiguous());
    EXPECT_EQ(tensor.clone().shape(), shape);
  }
}

TEST(Tensor, OfValuesNeedsAsManyAsItsShapeHas) {
  EXPECT_EQ((Tensor::of<int>({2, 2}, {1, 2, 3, 4}).data<int>()[3]), 4);
  EXPECT_EQ(thrown_by([] {
              Tensor::of<int>({2, 2}, {1, 2, 3});
            }),
            "the shape has 4 elements, but 3 values were given");
  EXPECT_EQ(thrown_by([] { Tensor::of<int>({0}, {1}); }),
            "the shape has 0 elements, but 1 values were given");
}

TEST(Tensor, OfAnImpossibleShapeIsRefused) {
  EXPECT_EQ(thrown_by([] { Tensor(DType::kInt8, {-1}); }), "a tensor's dimension is negative");
  EXPECT_EQ(thrown_by([] { Tensor(DType::kInt8, {0, -1}); }), "a tensor's dimension is negative");
  const std::string many = "a tensor's shape has too many elements";
  EXPECT_EQ(thrown_by([] { Tensor(DType::kInt8, {kHuge}); }), many);
  EXPECT_EQ(thrown_by([] { Tensor(DType::kFloat64, {kHuge / 8 + 1}); }), many);
  // These products wrap around to 0 and to 1.
  EXPECT_EQ(thrown_by([] { Tensor(DType::kInt8, {int64_t{1} << 32, int64_t{1} << 32}); }), many);
  EXPECT_EQ(thrown_by([] { Tensor(DType::kInt8, {0, int64_t{1} << 32, int64_t{1} << 32}); }), many);
  EXPECT_EQ(thrown_by([] { Tensor(static_cast<DType>(0), {1}); }), "unknown dtype");
  EXPECT_EQ(thrown_by([] { Tensor(static_cast<DType>(99), {1}); }), "unknown dtype");
}

TEST(Tensor, HasAtMost64DimensionsAsInNumpy) {
  EXPECT_EQ(Tensor(DType::kInt8, Tensor::Shape(64, 1)).size(), 1);
  EXPECT_EQ(thrown_by([] { Tensor(DType::kInt8, Tensor::Shape(65, 1)); }),
            "a tensor has at most 64 dimensions, not 65");
}

TEST(Tensor, OverABufferMustLieInsideIt) {
  const wire::Buffer buffer = numbered_bytes(12);
  const auto make = [&](Tensor::Shape shape, Tensor::Shape strides) {
    return thrown_by([&] { Tensor(DType::kInt32, shape, strides, buffer); });
  };
  const std::string outside = "a tensor's elements lie outside its buffer";
  EXPECT_EQ(make({3}, {4}), "nothing");
  EXPECT_EQ(make({4}, {4}), outside);
  EXPECT_EQ(make({2}, {8}), "nothing");
  EXPECT_EQ(make({2}, {9}), outside);
  EXPECT_EQ(make({1 << 20}, {0}), "nothing");  // The same element again and again.
  EXPECT_EQ(make({2, 2}, {4, 4}), "nothing");
  EXPECT_EQ(make({2, 3}, {4, 4}), outside);
  EXPECT_EQ(make({0, 100}, {4, 4}), "nothing");
  EXPECT_EQ(make({3}, {4, 4}), "a tensor needs one stride per dimension");
  const std::string strides = "a tensor's strides are negative or too large";
  EXPECT_EQ(make({3}, {-4}), strides);
  EXPECT_EQ(make({3}, {kHuge}), strides);
  EXPECT_EQ(make({2, 2}, {kHuge - 4, kHuge - 4}), strides);
  EXPECT_EQ(thrown_by([] { Tensor(DType::kInt8, {}, {}, wire::Buffer()); }), outside);
}

TEST(Tensor, KnowsWhetherItIsContiguous) {
  const wire::Buffer buffer = numbered_bytes(64);
  const auto contiguous = [&](Tensor::Shape shape, Tensor::Shape strides) {
    return Tensor(DType::kUint8, std::move(shape), std::move(strides), buffer).contiguous();
  };
  EXPECT_TRUE(contiguous({2, 3}, {3, 1}));
  EXPECT_FALSE(contiguous({2, 3}, {1, 2}));       // Transposed.
  EXPECT_FALSE(contiguous({4}, {2}));             // With gaps.
  EXPECT_FALSE(contiguous({2, 3}, {4, 1}));       // Rows with gaps.
  EXPECT_FALSE(contiguous({5}, {0}));             // Broadcast.
  EXPECT_TRUE(contiguous({1, 3, 1}, {7, 1, 9}));  // Strides of single elements do not matter.
  EXPECT_TRUE(contiguous({0, 3}, {9, 9}));
}

TEST(Tensor, CloneIsRowMajorWhateverTheStridesWere) {
  const wire::Buffer buffer = numbered_bytes(24);
  const Tensor transposed(DType::kUint8, {3, 2}, {1, 3}, buffer);
  EXPECT_EQ(elements(transposed.clone()), (std::vector<int>{0, 3, 1, 4, 2, 5}));
  const Tensor gaps(DType::kUint8, {2, 2}, {10, 3}, buffer);
  EXPECT_EQ(elements(gaps.clone()), (std::vector<int>{0, 3, 10, 13}));
  const Tensor broadcast(DType::kUint8, {3, 2}, {0, 1}, buffer);
  EXPECT_EQ(elements(broadcast.clone()), (std::vector<int>{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(broadcast.clone().strides(), (Tensor::Shape{2, 1}));
}

TEST(Tensor, CopiesShareTheBufferAndClonesDoNot) {
  Tensor tensor = Tensor::of<int>({1, 2, 3});
  const Tensor copy = tensor;
  const Tensor clone = tensor.clone();
  tensor.mutable_data<int>()[0] = 9;
  EXPECT_EQ(copy.data<int>()[0], 9);
  EXPECT_EQ(clone.data<int>()[0], 1);
}

TEST(Tensor, GivesItsDataOnlyAsWhatItIs) {
  const Tensor tensor = Tensor::of<int>({1, 2});
  EXPECT_EQ(thrown_by([&] { tensor.data<float>(); }), "the tensor holds int32, not float32");
  EXPECT_EQ(thrown_by([&] { tensor.data<unsigned>(); }), "the tensor holds int32, not uint32");
  const Tensor gaps(DType::kUint8, {2}, {2}, numbered_bytes(4));
  EXPECT_EQ(thrown_by([&] { gaps.data<uint8_t>(); }),
            "the tensor is not contiguous: clone() it first");
}

TEST(Tensor, GivesNoDataFromMemoryThatIsNotAlignedForIt) {
  auto owner = std::make_shared<std::vector<double>>(3, 1.5);
  char* odd = reinterpret_cast<char*>(owner->data()) + 1;
  std::memcpy(odd, &(*owner)[2], sizeof(double));
  const Tensor tensor(DType::kFloat64, {1}, {8}, wire::Buffer(owner, odd, 8));
  EXPECT_EQ(thrown_by([&] { tensor.data<double>(); }),
            "the tensor's memory is not aligned for float64: clone() it first");
  EXPECT_EQ(tensor.clone().data<double>()[0], 1.5);
}

}  // namespace
}  // namespace lp
