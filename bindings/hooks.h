// What the Python package tells the extension once, at import: how errors, futures and clients look
// in Python. Set and read with the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <string_view>

#include "launchpad/base/result.h"

namespace lp::bindings {

namespace nb = nanobind;

struct Hooks {
  PyObject* make_error = nullptr;
  PyObject* describe_exception = nullptr;
  PyObject* make_future = nullptr;
  PyObject* make_client = nullptr;
  PyObject* client_parts = nullptr;
  PyObject* make_stream = nullptr;
};
Hooks& hooks();

// The Python exception for an error; `domain` is "call", "node" or "local".
nb::object make_exception(std::string_view domain, const Error& error);
[[noreturn]] void raise(std::string_view domain, const Error& error);

// The value, or raises.
template <class T>
T unwrap(std::string_view domain, Result<T> result) {
  if (!result.ok()) raise(domain, result.error());
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

// What a peer or the launcher shall know of a Python exception; with the GIL.
// `interruptions`: how often a signal's handler may raise meanwhile.
Error describe(nb::handle exception, int interruptions = 3);
// The same for the C++ exception being handled, which may be a Python one; takes the GIL.
Error describe_current_exception();

void bind_hooks(nb::module_& m);

}  // namespace lp::bindings
