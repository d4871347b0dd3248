// Tensor is an n-dimensional array: a dtype, a shape, strides in bytes and a shared buffer. It is
// what a numpy array becomes in C++ and back. A value: copies share the buffer, `clone()` does not.
#pragma once

#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "launchpad/base/result.h"
#include "launchpad/wire/buffer.h"
#include "launchpad/wire/dtype.h"

namespace lp {

class Tensor;
Tensor take(Tensor&& tensor);

class Tensor {
 public:
  // Numbers of elements, one per dimension.
  using Shape = std::vector<int64_t>;
  static constexpr size_t kMaxRank = 64;  // Dimensions, as in numpy.

  Tensor() : Tensor(DType::kFloat32, Shape{0}) {}
  // Fresh zeros in row-major order. Throws Error (INVALID_ARGUMENT) for a shape that cannot be.
  Tensor(DType dtype, Shape shape);
  // Shares `buffer`; `strides` in bytes, one per dimension. Throws Error if an element would lie
  // outside it.
  Tensor(DType dtype, Shape shape, Shape strides, wire::Buffer buffer);

  // A copy of `values` in row-major order; their count must be the shape's product.
  template <class T>
  static Tensor of(Shape shape, std::span<const T> values) {
    Tensor tensor(dtype_of<T>(), std::move(shape));
    tensor.fill_from(std::as_bytes(values));
    return tensor;
  }
  // The same, of values that are written out.
  template <class T>
  static Tensor of(Shape shape, std::initializer_list<T> values) {
    return of(std::move(shape), std::span<const T>(values.begin(), values.size()));
  }
  // A one-dimensional copy.
  template <class T>
  static Tensor of(const std::vector<T>& values) {
    return of(Shape{static_cast<int64_t>(values.size())}, std::span<const T>(values));
  }

  DType dtype() const { return dtype_; }             // The type of its elements.
  const Shape& shape() const { return shape_; }      // Elements per dimension.
  const Shape& strides() const { return strides_; }  // Bytes from one to the next, per dimension.
  const wire::Buffer& buffer() const { return buffer_; }  // Where the elements lie.
  int64_t size() const;                                   // Number of elements.
  // Bytes of all elements together.
  size_t nbytes() const { return static_cast<size_t>(size()) * dtype_size(dtype_); }
  bool contiguous() const;  // Row-major without gaps.

  // The elements in row-major order. Throws Error if T is not the dtype, or the tensor is not
  // contiguous or not aligned.
  template <class T>
  std::span<const T> data() const {
    check_access(dtype_of<T>(), alignof(T));
    return {reinterpret_cast<const T*>(buffer_.data()), static_cast<size_t>(size())};
  }
  // The same, to write to. Copies of this Tensor see the change; unless other processes may read
  // the memory (it was sent from shared memory, or received in it and not for this node alone):
  // then this Tensor gets a copy of its own first.
  template <class T>
  std::span<T> mutable_data() {
    check_access(dtype_of<T>(), alignof(T));
    own_memory();
    return {reinterpret_cast<T*>(buffer_.mutable_data()), static_cast<size_t>(size())};
  }

  // A row-major copy in memory of its own.
  Tensor clone() const;

  // The row-major strides, in bytes, of such a shape.
  static Shape row_major_strides(const Shape& shape, size_t item_size);
  // Number of elements, or an error if a dimension is negative, the product overflows or the rank
  // is too high.
  static Result<int64_t> element_count(const Shape& shape, size_t item_size);

 private:
  void check_access(DType dtype, size_t alignment) const;
  void own_memory();
  friend Tensor take(Tensor&& tensor);
  void fill_from(std::span<const std::byte> bytes);

  DType dtype_;
  Shape shape_;
  Shape strides_;
  wire::Buffer buffer_;
};

// An uninitialised tensor in row-major order, in shared memory if it is large (64 KiB): nodes on
// the same host are lent it instead of being sent a copy, in a time that does not depend on its
// size. Once sent it is read-only for everybody while somebody holds it; writing makes a copy.
// Throws Error (INVALID_ARGUMENT) for a shape that cannot be.
Tensor empty(DType dtype, Tensor::Shape shape);

// The tensor, writable: the same memory if nobody else holds it, else a copy.
Tensor take(Tensor&& tensor);

}  // namespace lp
