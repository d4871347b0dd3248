// FreeList is memory of one size, from operator new, that a thread has freed and keeps for what it
// allocates next: more than malloc(3) does, which is slow beyond seven of a size. Thread-local, by
// its owner; what remains goes with the thread.
#pragma once

#include <cstddef>
#include <new>

#include "launchpad/base/spares.h"

namespace lp::base {

class FreeList {
 public:
  // Pieces that a list keeps at most. None where whoever uses a freed one shall be found.
#ifdef __SANITIZE_ADDRESS__
  static constexpr size_t kMost = 0;
#else
  static constexpr size_t kMost = 1024;
#endif

  FreeList() = default;
  FreeList(const FreeList&) = delete;
  FreeList& operator=(const FreeList&) = delete;
  ~FreeList() {
    ended_ = true;
    while (first_ != nullptr) ::operator delete(take());
  }

  // Null: it has none.
  void* take() {
    Unused* const taken = first_;
    if (taken == nullptr) return nullptr;
    first_ = taken->next;
    --count_;
    return taken;
  }

  // Of at least a pointer's size. False: it is the caller's still.
  bool give(void* memory) {
    if (count_ >= kMost || ended_ || !threads_keep_spares.load(std::memory_order_relaxed))
      return false;
    first_ = new (memory) Unused{first_};
    ++count_;
    return true;
  }

 private:
  struct Unused {
    Unused* next;
  };

  Unused* first_ = nullptr;
  size_t count_ = 0;
  bool ended_ = false;  // The thread ends: what it frees from now on is not kept.
};

}  // namespace lp::base
