// Python values to payloads and back: typed values where every part is a plain one (or must be,
// towards C++), else a cloudpickle (protocol 5) whose large buffers travel beside it. With the GIL;
// errors are Python's.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <utility>

#include "launchpad/wire/payload.h"

namespace lp::courier {
class Call;
}

namespace lp::bindings {

namespace nb = nanobind;

struct EncodeOptions {
  bool typed_only = false;  // The receiver is C++.
  bool snapshot = false;    // Copy arrays now: their owner goes on before they are sent.
  bool share = false;       // Shared memory reaches the receiver: what lies there is not copied.
};

// The arguments of a call. `kwargs` may be null. Throws nb::python_error.
wire::Payload encode_call(PyObject* args, PyObject* kwargs, const EncodeOptions& options);
// (args, kwargs); kwargs is null if there are none.
std::pair<nb::tuple, nb::object> decode_call(const wire::Payload& payload);

// How a result travels to who called.
EncodeOptions result_options(const courier::Call& call);
wire::Payload encode_result(PyObject* value, const EncodeOptions& options);
nb::object decode_result(const wire::Payload& payload);

}  // namespace lp::bindings
