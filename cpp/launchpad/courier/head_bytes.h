// HeadBytes is memory that grows at its end, for the heads of frames: unlike a string's it is the
// caller's to write, and is written once. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

namespace lp::courier {

class HeadBytes {
 public:
  // Room for so many bytes more, which the caller writes. What was given before may have moved.
  char* extend(size_t bytes) {
    if (bytes > capacity_ - size_) grow(bytes);
    return memory_.get() + std::exchange(size_, size_ + bytes);
  }

  const char* data() const { return memory_.get(); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  // Keeps the memory.
  void clear() { size_ = 0; }

 private:
  static constexpr size_t kFewest = 128;

  void grow(size_t bytes) {
    const size_t capacity = std::max({2 * capacity_, size_ + bytes, kFewest});
    auto grown = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) std::memcpy(grown.get(), memory_.get(), size_);
    memory_ = std::move(grown);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> memory_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace lp::courier
