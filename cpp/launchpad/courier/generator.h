// A method becomes a stream by yielding: in a function that returns Stream<T>, `co_yield value;`
// gives a result and `co_return;`, or the end, ends them. It begins with the first result that is
// taken, and goes on on the thread that takes; of a server's method that is a thread of its own.
// Arguments live as long as the stream; an exception reaches who takes.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "launchpad/courier/stream.h"

namespace lp::courier {

// Drives the coroutine: each next() resumes it up to its next co_yield.
template <class T>
class GeneratedResults final : public LocalResults<T> {
 public:
  using Handle = std::coroutine_handle<StreamPromise<T>>;

  explicit GeneratedResults(Handle handle) : handle_(handle) {}
  ~GeneratedResults() override { handle_.destroy(); }
  GeneratedResults(const GeneratedResults&) = delete;
  GeneratedResults& operator=(const GeneratedResults&) = delete;

  std::optional<T> next() override {
    if (handle_.done()) return std::nullopt;
    handle_.resume();
    return handle_.promise().take();
  }

 private:
  Handle handle_;
};

template <class T>
class StreamPromise {
 public:
  Stream<T> get_return_object() {
    return Stream<T>(std::make_unique<GeneratedResults<T>>(
        std::coroutine_handle<StreamPromise>::from_promise(*this)));
  }
  std::suspend_always initial_suspend() noexcept { return {}; }
  std::suspend_always final_suspend() noexcept { return {}; }
  std::suspend_always yield_value(T value) {
    value_.emplace(std::move(value));
    return {};
  }
  void return_void() noexcept {}
  void unhandled_exception() { error_ = std::current_exception(); }

  // What was yielded since; throws what was thrown.
  std::optional<T> take() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return std::exchange(value_, std::nullopt);
  }

 private:
  std::optional<T> value_;
  std::exception_ptr error_;
};

}  // namespace lp::courier
