// Allocators for what comes and goes by the thousand, for each call of many: what a thread frees,
// it keeps for what it allocates next (FreeList). Recycled<T> is for single objects, RecycledText
// for the characters of short strings. Any thread may free what another one allocated.
#pragma once

#include <array>
#include <cstddef>
#include <new>

#include "launchpad/base/free_list.h"

namespace lp::base {

template <class T>
class Recycled {
 public:
  using value_type = T;

  Recycled() = default;
  template <class U>
  Recycled(const Recycled<U>&) {}

  T* allocate(size_t count) {
    void* const kept = count == 1 ? of_this_thread().take() : nullptr;
    return static_cast<T*>(kept != nullptr ? kept : ::operator new(count * sizeof(T)));
  }

  void deallocate(T* object, size_t count) {
    if (count != 1 || !of_this_thread().give(object)) ::operator delete(object);
  }

  template <class U>
  bool operator==(const Recycled<U>&) const {
    return true;
  }

 private:
  static_assert(sizeof(T) >= sizeof(void*) && alignof(T) >= alignof(void*));
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

  static FreeList& of_this_thread() {
    thread_local FreeList list;
    return list;
  }
};

template <class Char>
class RecycledText {
 public:
  using value_type = Char;

  RecycledText() = default;
  template <class U>
  RecycledText(const RecycledText<U>&) {}

  Char* allocate(size_t size) {
    if (size > kLongest) return static_cast<Char*>(::operator new(size));
    void* const kept = list_for(size).take();
    return static_cast<Char*>(kept != nullptr ? kept : ::operator new(rounded_up(size)));
  }

  void deallocate(Char* text, size_t size) {
    if (size > kLongest || !list_for(size).give(text)) ::operator delete(text);
  }

  template <class U>
  bool operator==(const RecycledText<U>&) const {
    return true;
  }

 private:
  static_assert(sizeof(Char) == 1);
  static constexpr size_t kStep = 64;  // The sizes that are kept are multiples of it,
  static constexpr size_t kLongest = 4 * kStep;

  static constexpr size_t rounded_up(size_t size) { return (size + kStep - 1) / kStep * kStep; }
  static FreeList& list_for(size_t size) {
    thread_local std::array<FreeList, kLongest / kStep> lists;
    return lists[(size - 1) / kStep];
  }
};

}  // namespace lp::base
