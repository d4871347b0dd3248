// Result<T> holds a T or an Error: how everything inside the library reports what the world can
// break. A value type; as thread-safe as its T. `value()` on an error is our bug and ends the
// process.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "launchpad/base/check.h"
#include "launchpad/base/error.h"

namespace lp {
namespace base {

// An error of a Result's, in memory of its own: a Result is no larger than its T for the sake of
// what rarely happens, and what makes, copies or ends an error lies apart from the code around.
class BoxedError {
 public:
  BoxedError() = default;
  [[gnu::cold]] explicit BoxedError(Error&& error);
  BoxedError(BoxedError&&) = default;
  BoxedError& operator=(BoxedError&&) = default;
  BoxedError(const BoxedError& other) : error_(other.error_ ? copy(*other.error_) : nullptr) {}
  BoxedError& operator=(const BoxedError& other) { return *this = BoxedError(other); }
  ~BoxedError() = default;

  explicit operator bool() const { return error_ != nullptr; }
  Error& operator*() const { return *error_; }

 private:
  struct End {
    [[gnu::cold]] void operator()(Error* error) const;
  };
  using Owned = std::unique_ptr<Error, End>;
  [[gnu::cold]] static Owned copy(const Error& error);

  Owned error_;
};

// Our bug: there is no value, or no error. Apart from the code that asks, which is everywhere.
[[noreturn, gnu::cold]] void no_value(const Error& error);
[[noreturn, gnu::cold]] void no_error();

}  // namespace base

template <class T>
class [[nodiscard]] Result {
 public:
  Result(const T& value) : value_(value) {}
  Result(T&& value) : value_(std::move(value)) {}
  Result(Error error) : error_(std::move(error)) {}

  // Whether it holds a value.
  bool ok() const { return value_.has_value(); }
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
    if (!ok()) base::no_value(*error_);
    return &*value_;
  }
  Error* checked_error() {
    if (ok()) base::no_error();
    return &*error_;
  }

  std::optional<T> value_;
  base::BoxedError error_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    if (ok()) base::no_error();
    return *error_;
  }
  Error&& error() && {
    if (ok()) base::no_error();
    return std::move(*error_);
  }
  void value_or_throw() && {
    if (!ok()) throw_error(std::move(*error_));
  }

 private:
  base::BoxedError error_;
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
