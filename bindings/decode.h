// One typed value to a Python value. With the GIL.
#pragma once

#include <Python.h>

#include "launchpad/wire/reader.h"

namespace lp::bindings {

// A new reference, or null with a Python exception set.
PyObject* decode_value(wire::Reader& reader, int depth);

}  // namespace lp::bindings
