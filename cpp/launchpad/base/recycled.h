// Recycled<T> is an allocator for single objects that come and go by the thousand: what a thread
// frees, it keeps for what it allocates next, more than malloc(3) does, which is slow beyond seven
// of a size. What remains goes with the thread. Any thread may free what another one allocated.
#pragma once

#include <cstddef>
#include <new>

#include "launchpad/base/spares.h"

namespace lp::base {

template <class T>
class Recycled {
 public:
  using value_type = T;
  // Objects that a thread keeps at most. None where whoever uses a freed one shall be found.
#ifdef __SANITIZE_ADDRESS__
  static constexpr size_t kMost = 0;
#else
  static constexpr size_t kMost = 1024;
#endif

  Recycled() = default;
  template <class U>
  Recycled(const Recycled<U>&) {}

  T* allocate(size_t count) {
    Kept& kept = of_this_thread();
    if (count != 1 || kept.first == nullptr) {
      return static_cast<T*>(::operator new(count * sizeof(T)));
    }
    Unused* const taken = kept.first;
    kept.first = taken->next;
    --kept.count;
    return reinterpret_cast<T*>(taken);
  }

  void deallocate(T* object, size_t count) {
    Kept& kept = of_this_thread();
    const bool keeps = threads_keep_spares.load(std::memory_order_relaxed);
    if (count != 1 || kept.count >= kMost || kept.ended || !keeps) {
      return ::operator delete(object);
    }
    kept.first = new (static_cast<void*>(object)) Unused{kept.first};
    ++kept.count;
  }

  template <class U>
  bool operator==(const Recycled<U>&) const {
    return true;
  }

 private:
  struct Unused {
    Unused* next;
  };
  static_assert(sizeof(T) >= sizeof(Unused) && alignof(T) >= alignof(Unused));
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

  struct Kept {
    Unused* first = nullptr;
    size_t count = 0;
    bool ended = false;  // The thread ends: what it frees from now on is not kept.

    ~Kept() {
      ended = true;
      while (first != nullptr) {
        Unused* const next = first->next;
        ::operator delete(static_cast<void*>(first));
        first = next;
      }
    }
  };
  static Kept& of_this_thread() {
    thread_local Kept kept;
    return kept;
  }
};

}  // namespace lp::base
