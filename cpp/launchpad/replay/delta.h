// Rows as differences to the row before, element by element: frames that change little become
// mostly zeros, which compress well. In place, the first row stays. Pure; any thread.
#pragma once

#include <cstddef>

#include "launchpad/wire/dtype.h"

namespace lp::replay {

// `rows` are `count` of `row_bytes` bytes each, of whole elements.
void make_delta(DType dtype, std::byte* rows, size_t row_bytes, size_t count);
// The rows as they were before make_delta.
void undo_delta(DType dtype, std::byte* rows, size_t row_bytes, size_t count);

}  // namespace lp::replay
