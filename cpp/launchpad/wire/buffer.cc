#include "launchpad/wire/buffer.h"

#include <cstdlib>
#include <new>

namespace lp::wire {

Buffer Buffer::allocate(size_t size) {
  static constexpr size_t kAlignment = 64;
  const size_t rounded = (size + kAlignment - 1) / kAlignment * kAlignment;
  if (rounded < size) throw std::bad_alloc();
  void* memory = std::aligned_alloc(kAlignment, rounded == 0 ? kAlignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return Buffer(std::shared_ptr<const void>(memory, [](const void* p) { std::free(const_cast<void*>(p)); }),
                memory, size);
}

}  // namespace lp::wire
