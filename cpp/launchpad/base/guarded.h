// Guarded<T> is a T that can be reached only while its lock is held: `state_.with([](T& t) {...})`.
// Any thread. `wait` parks the caller until a predicate over T holds; whoever changes T so that a
// predicate may hold calls `notify_all` (or changes it through `with_notify`).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace lp::base {

template <class T>
class Guarded {
 public:
  template <class... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  template <class F>
  decltype(auto) with(F&& f) {
    std::lock_guard lock(mutex_);
    return std::forward<F>(f)(value_);
  }
  template <class F>
  decltype(auto) with(F&& f) const {
    std::lock_guard lock(mutex_);
    return std::forward<F>(f)(value_);
  }

  // As `with`, then wakes every waiter.
  template <class F>
  void with_notify(F&& f) {
    {
      std::lock_guard lock(mutex_);
      std::forward<F>(f)(value_);
    }
    changed_.notify_all();
  }

  // Waits until `ready(T&)` holds or `deadline` (steady clock; none: for ever) passes; then calls
  // `f(T&, bool ready)` under the lock.
  template <class Ready, class F>
  decltype(auto) wait(std::optional<std::chrono::steady_clock::time_point> deadline, Ready&& ready,
                      F&& f) {
    std::unique_lock lock(mutex_);
    auto holds = [&] { return ready(value_); };
    bool is_ready = true;
    if (deadline) {
      is_ready = changed_.wait_until(lock, *deadline, holds);
    } else {
      changed_.wait(lock, holds);
    }
    return std::forward<F>(f)(value_, is_ready);
  }

  void notify_all() { changed_.notify_all(); }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  T value_;
};

}  // namespace lp::base
