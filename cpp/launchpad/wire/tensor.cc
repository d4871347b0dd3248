#include "launchpad/wire/tensor.h"

#include <cstring>
#include <string>

namespace lp {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 48;

[[noreturn]] void reject(std::string why) {
  throw_error(Error(Code::kInvalidArgument, std::move(why)));
}

// Copies the elements of `from` to `to`, row by row in row-major order.
std::byte* copy_rows(const std::byte* from, std::byte* to, const Tensor& tensor, size_t axis) {
  const size_t item = dtype_size(tensor.dtype());
  if (axis == tensor.shape().size()) {
    std::memcpy(to, from, item);
    return to + item;
  }
  for (int64_t i = 0; i < tensor.shape()[axis]; ++i) {
    to = copy_rows(from + i * tensor.strides()[axis], to, tensor, axis + 1);
  }
  return to;
}

}  // namespace

Tensor::Shape Tensor::row_major_strides(const Shape& shape, size_t item_size) {
  Shape strides(shape.size());
  auto stride = static_cast<int64_t>(item_size);
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i] > 0 ? shape[i] : 1;
  }
  return strides;
}

Result<int64_t> Tensor::element_count(const Shape& shape, size_t item_size) {
  if (shape.size() > kMaxRank) {
    return Error(Code::kInvalidArgument, "a tensor has at most " + std::to_string(kMaxRank) +
                                             " dimensions, not " + std::to_string(shape.size()));
  }
  int64_t count = 1;
  bool empty = false;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return Error(Code::kInvalidArgument, "a tensor's dimension is negative");
    if (dimension == 0)
      empty = true;
    else if (count > kMaxBytes / dimension / static_cast<int64_t>(item_size))
      return Error(Code::kInvalidArgument, "a tensor's shape has too many elements");
    else
      count *= dimension;
  }
  return empty ? 0 : count;
}

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  const size_t item = dtype_size(dtype);
  if (item == 0) reject("unknown dtype");
  const int64_t count = element_count(shape_, item).value_or_throw();
  strides_ = row_major_strides(shape_, item);
  buffer_ = wire::Buffer::allocate(static_cast<size_t>(count) * item);
  std::memset(buffer_.mutable_data(), 0, buffer_.size());
}

Tensor::Tensor(DType dtype, Shape shape, Shape strides, wire::Buffer buffer)
    : dtype_(dtype),
      shape_(std::move(shape)),
      strides_(std::move(strides)),
      buffer_(std::move(buffer)) {
  const size_t item = dtype_size(dtype);
  if (item == 0) reject("unknown dtype");
  const int64_t count = element_count(shape_, item).value_or_throw();
  if (strides_.size() != shape_.size()) reject("a tensor needs one stride per dimension");
  if (count == 0) return;
  int64_t last = static_cast<int64_t>(item);
  for (size_t i = 0; i < shape_.size(); ++i) {
    int64_t reach = 0;
    if (strides_[i] < 0 || __builtin_mul_overflow(shape_[i] - 1, strides_[i], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      reject("a tensor's strides are negative or too large");
    }
  }
  if (last > static_cast<int64_t>(buffer_.size()))
    reject("a tensor's elements lie outside its buffer");
}

int64_t Tensor::size() const {
  int64_t count = 1;
  for (const int64_t dimension : shape_) count *= dimension;
  return count;
}

bool Tensor::contiguous() const {
  if (size() == 0) return true;
  auto expected = static_cast<int64_t>(dtype_size(dtype_));
  for (size_t i = shape_.size(); i-- > 0;) {
    if (shape_[i] != 1 && strides_[i] != expected) return false;
    expected *= shape_[i];
  }
  return true;
}

Tensor Tensor::clone() const {
  Tensor copy(dtype_, shape_);
  if (size() == 0) return copy;
  if (contiguous()) {
    std::memcpy(copy.buffer_.mutable_data(), buffer_.data(), nbytes());
  } else {
    copy_rows(buffer_.data(), copy.buffer_.mutable_data(), *this, 0);
  }
  return copy;
}

void Tensor::check_access(DType dtype, size_t alignment) const {
  if (dtype != dtype_) {
    reject("the tensor holds " + std::string(dtype_name(dtype_)) + ", not " +
           std::string(dtype_name(dtype)));
  }
  if (!contiguous()) reject("the tensor is not contiguous: clone() it first");
  if (size() > 0 && reinterpret_cast<uintptr_t>(buffer_.data()) % alignment != 0) {
    reject("the tensor's memory is not aligned for " + std::string(dtype_name(dtype_)) +
           ": clone() it first");
  }
}

void Tensor::fill_from(std::span<const std::byte> bytes) {
  if (bytes.size() != buffer_.size()) {
    reject("the shape has " + std::to_string(size()) + " elements, but " +
           std::to_string(bytes.size() / dtype_size(dtype_)) + " values were given");
  }
  if (!bytes.empty()) std::memcpy(buffer_.mutable_data(), bytes.data(), bytes.size());
}

void Tensor::own_memory() {
  if (buffer_.read_only() && !buffer_.take()) *this = clone();
}

Tensor empty(DType dtype, Tensor::Shape shape) {
  const size_t item = dtype_size(dtype);
  if (item == 0) reject("unknown dtype");
  const int64_t count = Tensor::element_count(shape, item).value_or_throw();
  Tensor::Shape strides = Tensor::row_major_strides(shape, item);
  return Tensor(dtype, std::move(shape), std::move(strides),
                wire::Buffer::allocate_shared(static_cast<size_t>(count) * item, false));
}

Tensor take(Tensor&& tensor) {
  Tensor taken = std::move(tensor);
  taken.own_memory();
  return taken;
}

}  // namespace lp
