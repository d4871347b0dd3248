// Streams in Python: a method's generator as a stream that travels, and what a client gets of one.
// With the GIL, but for what the server's threads call.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "bindings/values.h"
#include "launchpad/wire/payload_stream.h"

namespace lp::bindings {

namespace nb = nanobind;

// Whether a method that returned it means its elements: a generator, or another server's stream.
bool is_stream(PyObject* result);
// Its elements, encoded as they are taken; it is closed at the end.
std::shared_ptr<wire::PayloadStream> stream_of(PyObject* result, const EncodeOptions& options);

// What a client's call returns for a stream; `owner` lives as long.
nb::object make_stream(std::shared_ptr<wire::PayloadStream> stream,
                       std::shared_ptr<const void> owner);

}  // namespace lp::bindings
