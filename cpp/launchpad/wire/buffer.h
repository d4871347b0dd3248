// Buffer is a run of bytes that keeps its memory alive: what travels beside a frame's body without
// a copy. A value: copies share the memory, which is this process's own or a block of shared
// memory. Who holds the only copy may write, unless it is read-only; readers on any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "launchpad/shm/block.h"

namespace lp::wire {

class Buffer {
 public:
  Buffer() = default;
  // Shares memory that `owner` keeps alive.
  Buffer(std::shared_ptr<const void> owner, const void* data, size_t size)
      : owner_(std::move(owner)), data_(static_cast<const std::byte*>(data)), size_(size) {}

  // The first `size` bytes of a block of shared memory.
  Buffer(std::shared_ptr<shm::Block> block, size_t size)
      : data_(block->segment()->data()), size_(size), block_(block.get()) {
    owner_ = std::move(block);
  }
  // Memory of its own with any content, 64-byte aligned. Throws std::bad_alloc.
  static Buffer allocate(size_t size);
  // The same in shared memory, if it is worth it and there is some; else as above. `transient`: to
  // carry a copy to a receiver, which may become its owner.
  static Buffer allocate_shared(size_t size, bool transient);

  const std::byte* data() const { return data_; }
  // Only for memory that is not read-only and that nobody else reads yet.
  std::byte* mutable_data() { return const_cast<std::byte*>(data_); }
  size_t size() const { return size_; }
  // The first `size` bytes of the same memory.
  Buffer first(size_t size) const { return part(0, size); }
  // `size` bytes of the same memory, from byte `from` on: as read-only as the whole, and it keeps
  // all of it alive. They must lie inside.
  Buffer part(size_t from, size_t size) const {
    Buffer part(*this);
    if (from > 0) part.data_ += from;
    part.size_ = size;
    return part;
  }
  std::span<const std::byte> span() const { return {data_, size_}; }

  // The block of shared memory that it begins at the start of, or null.
  shm::Block* block() const {
    return block_ != nullptr && data_ == block_->segment()->data() ? block_ : nullptr;
  }
  // Others may read this memory, or it is mapped so that writing is a crash.
  bool read_only() const { return block_ != nullptr && !block_->writable(); }
  // Makes the memory writable, if this is the only holder of it anywhere. False: copy it.
  bool take();

 private:
  std::shared_ptr<const void> owner_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  shm::Block* block_ = nullptr;  // Where it lies, if in shared memory. Kept alive by owner_.
};

// From this size on, buffers travel between processes of one host in shared memory.
inline constexpr size_t kSharedBytes = 64 * 1024;

}  // namespace lp::wire
