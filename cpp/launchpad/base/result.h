// Result<T> holds a T or an Error: how everything inside the library reports what the world can
// break. A value type; as thread-safe as its T. `value()` on an error is our bug and ends the
// process.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "launchpad/base/check.h"
#include "launchpad/base/error.h"

namespace lp {

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  // Whether it holds a value.
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // The value. Only if ok().
  T& value() & { return *checked(); }
  // The value. Only if ok().
  const T& value() const& { return *const_cast<Result*>(this)->checked(); }
  // The value, moved out. Only if ok().
  T&& value() && { return std::move(*checked()); }
  T& operator*() & { return value(); }
  T* operator->() { return checked(); }

  // The error. Only if not ok().
  const Error& error() const& { return *const_cast<Result*>(this)->checked_error(); }
  // The error, moved out. Only if not ok().
  Error&& error() && { return std::move(*checked_error()); }

  // The value, or throws the error: for the public surface only.
  T value_or_throw() && {
    if (!ok()) throw_error(std::move(*checked_error()));
    return std::move(*checked());
  }

 private:
  T* checked() {
    LP_CHECK(ok()) << "Result holds an error: " << std::get<1>(state_).message;
    return &std::get<0>(state_);
  }
  Error* checked_error() {
    LP_CHECK(!ok()) << "Result holds a value";
    return &std::get<1>(state_);
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    LP_CHECK(!ok()) << "Result holds no error";
    return *error_;
  }
  Error&& error() && {
    LP_CHECK(!ok()) << "Result holds no error";
    return std::move(*error_);
  }
  void value_or_throw() && {
    if (!ok()) throw_error(std::move(*error_));
  }

 private:
  std::optional<Error> error_;
};

// Whether something worked, and if not, why.
using Status = Result<void>;

}  // namespace lp

#define LP_CONCAT_INNER(a, b) a##b
#define LP_CONCAT(a, b) LP_CONCAT_INNER(a, b)

// Returns the error of a Result-valued expression from the enclosing function, if it is one.
#define LP_TRY(expression)                                                                   \
  do {                                                                                       \
    if (auto lp_result = (expression); !lp_result.ok()) return std::move(lp_result).error(); \
  } while (false)

// LP_TRY_ASSIGN(auto x, f()): x is f's value, or its error is returned.
#define LP_TRY_ASSIGN(target, expression) \
  LP_TRY_ASSIGN_INNER(LP_CONCAT(lp_result_, __LINE__), target, expression)
#define LP_TRY_ASSIGN_INNER(name, target, expression) \
  auto name = (expression);                           \
  if (!name.ok()) return std::move(name).error();     \
  target = std::move(name).value()
