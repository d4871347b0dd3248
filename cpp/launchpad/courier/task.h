// Coroutines over calls: in a function that returns Task<T>, `co_await client.async<&T::m>(...)`
// gives the result, or throws as Future::get does, without holding a thread while it waits.
//
// A task begins when it is awaited, or by start_task(). After a co_await that had to wait, it goes
// on on the thread of the client's own that read the answer, which reads no further meanwhile:
// compute there, or call and co_await again, but do not sleep. A server that takes no more calls
// for now holds up `async`, as everywhere. A Task is a value that is moved; one owner.
#pragma once

#include <coroutine>
#include <exception>
#include <future>
#include <optional>
#include <utility>
#include <variant>

#include "launchpad/courier/future.h"

namespace lp {

template <class T>
class Task;

namespace courier {

// What a task's coroutine keeps: its outcome, and who awaits it.
class TaskPromiseBase {
 public:
  std::suspend_always initial_suspend() noexcept { return {}; }
  auto final_suspend() noexcept { return GoOn{}; }
  void unhandled_exception() { error_ = std::current_exception(); }

  std::coroutine_handle<> awaiting = std::noop_coroutine();

 protected:
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  struct GoOn {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) noexcept {
      return ended.promise().awaiting;
    }
    void await_resume() noexcept {}
  };

  std::exception_ptr error_;
};

template <class T>
class TaskPromise : public TaskPromiseBase {
 public:
  Task<T> get_return_object();
  void return_value(T value) { value_.emplace(std::move(value)); }
  T take() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> : public TaskPromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() {}
  void take() { rethrow(); }
};

}  // namespace courier

template <class T = void>
class [[nodiscard]] Task {
 public:
  // The compiler's.
  using promise_type = courier::TaskPromise<T>;

  // The compiler's.
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // `co_await task` begins it, always: once.
  bool await_ready() const noexcept { return false; }
  // The awaiting coroutine goes on where the task ends,
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    handle_.promise().awaiting = awaiting;
    return handle_;
  }
  // with its value, or by throwing what it threw.
  T await_resume() { return handle_.promise().take(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

namespace courier {

template <class T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

// A coroutine that begins at once and belongs to nobody: it ends by itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

template <class T>
Detached begin(Task<T> task, std::promise<T> result) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await task;
      result.set_value();
    } else {
      result.set_value(co_await task);
    }
  } catch (...) {
    result.set_exception(std::current_exception());
  }
}

template <class R>
class FutureAwaiter {
 public:
  explicit FutureAwaiter(Future<R> future) : future_(std::move(future)) {}

  bool await_ready() { return future_.ready(); }
  bool await_suspend(std::coroutine_handle<> waiting) {
    // Once it is registered, the coroutine may go on and destroy this at any time.
    return future_.on_answer([this, waiting](Answer answer) {
      answer_.emplace(std::move(answer));
      waiting.resume();
    });
  }
  R await_resume() {
    if (!answer_) return future_.get();
    return future_.decode(std::move(*answer_)).value_or_throw();
  }

 private:
  Future<R> future_;
  std::optional<Answer> answer_;
};

}  // namespace courier

// Gives the call's result, or throws as Future::get does.
template <class R>
auto operator co_await(Future<R>&& future) {
  return courier::FutureAwaiter<R>(std::move(future));
}

// Begins the task here; its result comes by a std::future.
template <class T>
std::future<T> start_task(Task<T> task) {
  std::promise<T> promise;
  auto result = promise.get_future();
  courier::begin(std::move(task), std::move(promise));
  return result;
}

}  // namespace lp
