// The Python object that keeps a wire::Buffer alive under a numpy array or a pickle: writable,
// C-contiguous bytes by the buffer protocol. With the GIL.
#pragma once

#include <Python.h>

#include "launchpad/wire/buffer.h"

namespace lp::bindings {

// A new reference, or null with an exception set.
PyObject* make_buffer_object(wire::Buffer buffer);

// Adds the type to the module. False with an exception set.
bool add_buffer_type(PyObject* module);

// The bytes of a Python object with the buffer protocol, shared (`copy`: copied now). Steals the
// view.
wire::Buffer take_view(const Py_buffer& view, bool copy);

}  // namespace lp::bindings
