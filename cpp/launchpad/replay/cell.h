// Cell is one column's value in one step on its way into a writer: a view of row-major memory that
// must live until the call returns. A value.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "launchpad/replay/spec.h"
#include "launchpad/wire/tensor.h"

namespace lp::replay {

struct Cell {
  size_t column = 0;
  ElementType type = DType::kFloat32;
  std::span<const int64_t> shape{};
  std::span<const std::byte> bytes{};  // Strings: as encode_strings gives them.

  // `tensor` must be contiguous and outlive the cell.
  static Cell of(size_t column, const Tensor& tensor) {
    return {column, tensor.dtype(), tensor.shape(), {tensor.buffer().data(), tensor.nbytes()}};
  }
  // One-dimensional.
  template <class T>
  static Cell of(size_t column, std::span<const T> values, const int64_t& size) {
    return {column, dtype_of<T>(), {&size, 1}, std::as_bytes(values)};
  }
  // A scalar.
  template <class T>
  requires std::is_arithmetic_v<T>
  static Cell of(size_t column, const T& value) {
    return {column, dtype_of<T>(), {}, std::as_bytes(std::span(&value, 1))};
  }
};

}  // namespace lp::replay
