// Buffer is a run of bytes that keeps its memory alive: what travels beside a frame's body without
// a copy. A value: copies share the memory. Who holds the only copy may write; readers on any
// thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace lp::wire {

class Buffer {
 public:
  Buffer() = default;
  // Shares memory that `owner` keeps alive.
  Buffer(std::shared_ptr<const void> owner, const void* data, size_t size)
      : owner_(std::move(owner)), data_(static_cast<const std::byte*>(data)), size_(size) {}

  // Fresh, uninitialised memory, 64-byte aligned. Throws std::bad_alloc.
  static Buffer allocate(size_t size);

  const std::byte* data() const { return data_; }
  // Only for memory that this process allocated and nobody else reads yet.
  std::byte* mutable_data() { return const_cast<std::byte*>(data_); }
  size_t size() const { return size_; }
  // The first `size` bytes of the same memory.
  Buffer first(size_t size) const { return Buffer(owner_, data_, size); }
  std::span<const std::byte> span() const { return {data_, size_}; }

 private:
  std::shared_ptr<const void> owner_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace lp::wire
