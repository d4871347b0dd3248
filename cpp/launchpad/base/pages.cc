#include "launchpad/base/pages.h"

#include <sys/mman.h>

#include <new>

namespace lp::base {

Pages::Pages(size_t size) : size_(size) {
  void* const memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  // A huge page would be touched as a whole.
  ::madvise(memory, size, MADV_NOHUGEPAGE);
  data_ = static_cast<std::byte*>(memory);
}

Pages::~Pages() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace lp::base
