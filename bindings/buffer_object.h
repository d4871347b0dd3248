// The Python object that keeps a wire::Buffer alive under a numpy array or a pickle: C-contiguous
// bytes by the buffer protocol, writable unless others may read the memory. With the GIL.
#pragma once

#include <Python.h>

#include "bindings/values.h"
#include "launchpad/wire/buffer.h"

namespace lp::bindings {

// A new reference, or null with an exception set.
PyObject* make_buffer_object(wire::Buffer buffer);

// The buffer that the view's array lies in from the start (through views of views), or null: a
// borrowed pointer.
wire::Buffer* buffer_under(const Py_buffer& view);

// Adds the type to the module. False with an exception set.
bool add_buffer_type(PyObject* module);

// The bytes of a Python object with the buffer protocol, shared or copied, as the options say; what
// lies at the start of a block of shared memory and can stay there is not copied: the arrays over
// it become read-only. Steals the view.
wire::Buffer take_view(const Py_buffer& view, const EncodeOptions& options);

}  // namespace lp::bindings
