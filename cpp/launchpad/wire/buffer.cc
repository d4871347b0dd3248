#include "launchpad/wire/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "launchpad/shm/pool.h"
#include "launchpad/wire/large_memory.h"

namespace lp::wire {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

Buffer Buffer::allocate(size_t size) {
  if (size >= kLargeBytes) {
    auto memory = allocate_large(size);
    const void* const data = memory.get();
    return Buffer(std::move(memory), data, size);
  }
  const size_t rounded = (std::max<size_t>(size, 1) + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return Buffer(
      std::shared_ptr<const void>(memory, [](const void* p) { std::free(const_cast<void*>(p)); }),
      memory, size);
}

Buffer Buffer::allocate_shared(size_t size, bool transient) {
  if (size >= kSharedBytes) {
    if (auto block = shm::Pool::instance().allocate(size)) {
      if (transient) block->set_transient();
      return Buffer(std::move(block), size);
    }
  }
  return allocate(size);
}

bool Buffer::take() {
  if (!read_only()) return true;
  return owner_.use_count() == 1 && block_->thaw();
}

}  // namespace lp::wire
