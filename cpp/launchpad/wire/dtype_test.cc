#include "launchpad/wire/dtype.h"

#include <gtest/gtest.h>

namespace lp {
namespace {

struct Known {
  DType dtype;
  uint8_t number;
  std::string_view name;
  size_t size;
};

// The numbers travel between versions of the library, so they are written down here once more.
constexpr Known kKnown[] = {
    {DType::kBool, 1, "bool", 1},
    {DType::kInt8, 2, "int8", 1},
    {DType::kInt16, 3, "int16", 2},
    {DType::kInt32, 4, "int32", 4},
    {DType::kInt64, 5, "int64", 8},
    {DType::kUint8, 6, "uint8", 1},
    {DType::kUint16, 7, "uint16", 2},
    {DType::kUint32, 8, "uint32", 4},
    {DType::kUint64, 9, "uint64", 8},
    {DType::kFloat16, 10, "float16", 2},
    {DType::kFloat32, 11, "float32", 4},
    {DType::kFloat64, 12, "float64", 8},
    {DType::kComplex64, 13, "complex64", 8},
    {DType::kComplex128, 14, "complex128", 16},
    {DType::kBfloat16, 15, "bfloat16", 2},
};

TEST(DType, NumberNameAndSizeAreThoseThatTravel) {
  for (const Known& known : kKnown) {
    SCOPED_TRACE(known.name);
    EXPECT_EQ(static_cast<uint8_t>(known.dtype), known.number);
    EXPECT_EQ(dtype_size(known.dtype), known.size);
    EXPECT_EQ(dtype_name(known.dtype), known.name);
    EXPECT_EQ(dtype_named(known.name), known.dtype);
    EXPECT_EQ(dtype_numbered(known.number), known.dtype);
  }
}

TEST(DType, OfAStrangeNumberOrNameIsNone) {
  for (int number = 0; number < 256; ++number) {
    const bool is_known = number >= 1 && number <= 15;
    EXPECT_EQ(dtype_numbered(static_cast<uint8_t>(number)).has_value(), is_known) << number;
    EXPECT_EQ(dtype_size(static_cast<DType>(number)) > 0, is_known) << number;
  }
  for (const std::string_view name : {"", "float", "Float32", "object", "int128"}) {
    EXPECT_FALSE(dtype_named(name).has_value()) << name;
  }
}

TEST(DType, OfACppTypeHasItsSizeAndSign) {
  EXPECT_EQ(dtype_of<bool>(), DType::kBool);
  EXPECT_EQ(dtype_of<int8_t>(), DType::kInt8);
  EXPECT_EQ(dtype_of<uint8_t>(), DType::kUint8);
  EXPECT_EQ(dtype_of<int16_t>(), DType::kInt16);
  EXPECT_EQ(dtype_of<uint16_t>(), DType::kUint16);
  EXPECT_EQ(dtype_of<int>(), DType::kInt32);
  EXPECT_EQ(dtype_of<unsigned>(), DType::kUint32);
  EXPECT_EQ(dtype_of<long long>(), DType::kInt64);
  EXPECT_EQ(dtype_of<unsigned long>(), DType::kUint64);
  EXPECT_EQ(dtype_of<float>(), DType::kFloat32);
  EXPECT_EQ(dtype_of<double>(), DType::kFloat64);
  EXPECT_EQ(dtype_of<std::complex<float>>(), DType::kComplex64);
  EXPECT_EQ(dtype_of<std::complex<double>>(), DType::kComplex128);
}

}  // namespace
}  // namespace lp
