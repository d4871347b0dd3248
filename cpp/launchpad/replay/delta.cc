#include "launchpad/replay/delta.h"

#include <cstdint>
#include <cstring>
#include <functional>

namespace lp::replay {
namespace {

// Calls f with a zero of the unsigned integer that is as large as an element.
template <class F>
void with_element(DType dtype, F&& f) {
  switch (dtype_size(dtype)) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

// Each element of `row` becomes op(element, the one of the row before).
template <class T, class Op>
void combine(std::byte* row, size_t row_bytes, Op op) {
  const std::byte* before = row - row_bytes;
  for (size_t at = 0; at < row_bytes; at += sizeof(T)) {
    T a, b;
    std::memcpy(&a, before + at, sizeof(T));
    std::memcpy(&b, row + at, sizeof(T));
    b = static_cast<T>(op(b, a));
    std::memcpy(row + at, &b, sizeof(T));
  }
}

}  // namespace

void make_delta(DType dtype, std::byte* rows, size_t row_bytes, size_t count) {
  with_element(dtype, [&](auto element) {
    // From the last on: each finds the one before as it was.
    for (size_t row = count; row-- > 1;) {
      combine<decltype(element)>(rows + row * row_bytes, row_bytes, std::minus<>());
    }
  });
}

void undo_delta(DType dtype, std::byte* rows, size_t row_bytes, size_t count) {
  with_element(dtype, [&](auto element) {
    for (size_t row = 1; row < count; ++row) {
      combine<decltype(element)>(rows + row * row_bytes, row_bytes, std::plus<>());
    }
  });
}

}  // namespace lp::replay
