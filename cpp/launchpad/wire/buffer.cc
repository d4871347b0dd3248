#include "launchpad/wire/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

#include "launchpad/shm/pool.h"

namespace lp::wire {
namespace {

constexpr size_t kAlignment = 64;
// Large buffers lie on huge pages where the system offers them: touching fresh memory page by page
// costs more than copying into it.
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kHugeFrom = 2 * kHugePage;

size_t round_up(size_t size, size_t unit) {
  const size_t rounded = (size + unit - 1) / unit * unit;
  if (rounded < size) throw std::bad_alloc();
  return rounded;
}

}  // namespace

Buffer Buffer::allocate(size_t size) {
  const size_t unit = size >= kHugeFrom ? kHugePage : kAlignment;
  const size_t rounded = size == 0 ? unit : round_up(size, unit);
  void* memory = std::aligned_alloc(unit, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  if (unit == kHugePage) ::madvise(memory, rounded, MADV_HUGEPAGE);
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
