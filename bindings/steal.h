// steal_or_raise(): what Python's C API gives, as an owned reference, or its exception. With the
// GIL.
#pragma once

#include <nanobind/nanobind.h>

namespace lp::bindings {

namespace nb = nanobind;

// `object` is a new reference, or null with an exception set: that is thrown.
inline nb::object steal_or_raise(PyObject* object) {
  if (object == nullptr) throw nb::python_error();
  return nb::steal(object);
}

}  // namespace lp::bindings
