// Noted<T> is a Guarded<T> with a note of it that can be read without the lock: what T::note() gave
// when the lock was last let go. For those who would take the lock only to find nothing to do. Any
// thread.
#pragma once

#include <atomic>
#include <utility>

#include "launchpad/base/guarded.h"

namespace lp::base {

template <class T>
class Noted {
 public:
  using Note = decltype(std::declval<const T&>().note());

  template <class... Args>
  explicit Noted(Args&&... args) : value_(std::forward<Args>(args)...) {}

  // f(T&) under the lock.
  template <class F>
  auto with(F&& f) {
    struct Taker {
      ~Taker() { to.store(from.note(), std::memory_order_release); }
      std::atomic<Note>& to;
      const T& from;
    };
    return value_.with([&](T& value) {
      const Taker taker{note_, value};
      return std::forward<F>(f)(value);
    });
  }

  Note note() const { return note_.load(std::memory_order_acquire); }
  // While the lock is held: tells it before it is let go.
  void foretell(Note note) { note_.store(note); }

 private:
  Guarded<T> value_;
  std::atomic<Note> note_{};
};

}  // namespace lp::base
