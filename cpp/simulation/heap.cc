#include "simulation/heap.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace lp::simulation {
namespace {

std::atomic<int64_t> pieces{0};

void* allocate(size_t size, size_t alignment) {
  void* const memory =
      alignment == 0
          ? std::malloc(size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  pieces.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void give_back(void* memory) {
  if (memory != nullptr) pieces.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

int64_t pieces_of_memory() { return pieces.load(std::memory_order_relaxed); }

}  // namespace lp::simulation

using lp::simulation::allocate;
using lp::simulation::give_back;

// The other forms call these.
void* operator new(size_t size) { return allocate(size == 0 ? 1 : size, 0); }
void* operator new(size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { give_back(memory); }
