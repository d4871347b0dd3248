// DType: the element types of a Tensor, by the number that travels and the name that numpy uses.
// Values.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace lp {

// The type of an element; numpy's names.
enum class DType : uint8_t {
  kBool = 1,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat16,
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
  kBfloat16,  // Of ml_dtypes, jax and torch. C++ has no such type: a Tensor's bytes are there to
              // read.
};

// Bytes of one element; 0 for a number that is no DType.
size_t dtype_size(DType dtype);

// numpy's name, e.g. "float32".
std::string_view dtype_name(DType dtype);

// The DType with that name, if there is one.
std::optional<DType> dtype_named(std::string_view name);
// The DType with that number, if there is one.
std::optional<DType> dtype_numbered(uint8_t number);

// The DType of a C++ type.
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::kBool;
  else if constexpr (std::is_same_v<T, float>)
    return DType::kFloat32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::kFloat64;
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    return DType::kComplex64;
  else if constexpr (std::is_same_v<T, std::complex<double>>)
    return DType::kComplex128;
  else {
    static_assert(std::is_integral_v<T>,
                  "a Tensor's elements are bool, integers, floats or complex");
    constexpr bool is_signed = std::is_signed_v<T>;
    if constexpr (sizeof(T) == 1)
      return is_signed ? DType::kInt8 : DType::kUint8;
    else if constexpr (sizeof(T) == 2)
      return is_signed ? DType::kInt16 : DType::kUint16;
    else if constexpr (sizeof(T) == 4)
      return is_signed ? DType::kInt32 : DType::kUint32;
    else
      return is_signed ? DType::kInt64 : DType::kUint64;
  }
}

}  // namespace lp
