// numpy arrays to typed values and back, without a copy where it can be. numpy is not imported
// before an array is at hand. With the GIL.
#pragma once

#include <Python.h>

#include <optional>

#include "bindings/values.h"
#include "launchpad/wire/reader.h"
#include "launchpad/wire/tensor.h"
#include "launchpad/wire/writer.h"

namespace lp::bindings {

enum class Encoded {
  kDone,
  kUnsupported,  // No typed value: nothing was written that matters.
  kFailed,       // A Python exception is set.
};

// The element type of a buffer of the struct module's `format`; none: it is none of ours.
std::optional<DType> dtype_of_format(const char* format, Py_ssize_t item_size);
// numpy's dtype, borrowed; null with an exception set.
PyObject* numpy_dtype(DType dtype);
// A new reference to an array on that memory, row-major; null with an exception set.
PyObject* array_on(DType dtype, const Tensor::Shape& shape, wire::Buffer memory);

// True for exactly numpy.ndarray, no subclass.
bool is_array(PyObject* object);
Encoded encode_array(PyObject* array, wire::Writer& writer, const EncodeOptions& options);
// A new reference to an array in memory of its own or in shared memory, or null with an exception
// set.
PyObject* decode_array(wire::Reader& reader);

// launchpad.empty and launchpad.take: new references, or null with an exception set.
PyObject* empty_array(PyObject* shape, PyObject* dtype);
PyObject* take_array(PyObject* array);

}  // namespace lp::bindings
