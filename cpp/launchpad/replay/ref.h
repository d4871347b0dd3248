// Ref<T> shares an immutable T that counts its own references (it derives from Counted): one
// pointer wide, one allocation, for the millions of chunks and trajectories that a table holds. A
// value; the count is atomic, so copies may live on any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace lp::replay {

class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 protected:
  ~Counted() = default;

 private:
  template <class T>
  friend class Ref;
  mutable std::atomic<uint32_t> references_{0};
};

// T may define `static void destroy(const T*)` if it was not made by plain `new`.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  // Takes part in owning `object`, which was made for Refs.
  explicit Ref(T* object) : object_(object) { acquire(); }
  Ref(const Ref& other) : object_(other.object_) { acquire(); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { release(); }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }

 private:
  void acquire() {
    if (object_ != nullptr) object_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  void release() {
    if (object_ == nullptr || object_->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
      return;
    }
    if constexpr (requires { T::destroy(object_); })
      T::destroy(object_);
    else
      delete object_;
  }

  T* object_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>(new T(std::forward<Args>(args)...));
}

}  // namespace lp::replay
