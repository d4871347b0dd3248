// cached(): what is looked up in a Python module once, and held for ever. With the GIL. No static
// initialiser does that: an import may drop the GIL, and another thread, which has it, would wait
// for the initialiser's lock.
#pragma once

#include <nanobind/nanobind.h>

namespace lp::bindings {

namespace nb = nanobind;

// module.name; `slot` is a global that begins as null. Raises.
inline nb::object cached(PyObject*& slot, const char* module, const char* name) {
  if (slot == nullptr) {
    PyObject* const found = nb::object(nb::module_::import_(module).attr(name)).release().ptr();
    // Another thread may have been here meanwhile.
    if (slot == nullptr)
      slot = found;
    else
      Py_DECREF(found);
  }
  return nb::borrow(slot);
}

}  // namespace lp::bindings
