// One Python value to a typed value. With the GIL.
#pragma once

#include "bindings/arrays.h"
#include "bindings/values.h"

namespace lp::bindings {

// kUnsupported only if not options.typed_only; then a TypeError is set (kFailed) that names what
// cannot travel.
Encoded encode_value(PyObject* value, wire::Writer& writer, const EncodeOptions& options,
                     int depth);

}  // namespace lp::bindings
