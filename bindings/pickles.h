// Values that are no plain ones travel as a cloudpickle (protocol 5) with out-of-band buffers (PEP
// 574). With the GIL; errors are thrown as nb::python_error.
#pragma once

#include <nanobind/nanobind.h>

#include "bindings/values.h"
#include "launchpad/wire/payload.h"

namespace lp::bindings {

namespace nb = nanobind;

void pickle(PyObject* value, wire::Payload& payload, const EncodeOptions& how);
nb::object unpickle(const wire::Payload& payload);

}  // namespace lp::bindings
