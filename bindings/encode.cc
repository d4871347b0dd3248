#include "bindings/encode.h"

#include "bindings/hooks.h"
#include "bindings/imports.h"
#include "launchpad/wire/reader.h"

namespace lp::bindings {
namespace {

Encoded unsupported(PyObject* value, const EncodeOptions& options) {
  if (!options.typed_only) return Encoded::kUnsupported;
  if (PyErr_Occurred() == nullptr) {
    PyErr_Format(PyExc_TypeError,
                 "a value of type %s cannot travel to a C++ node: pass None, bool, int (64 bits), "
                 "float, str, "
                 "bytes, list, tuple, dict, numpy arrays of plain dtypes, or a client",
                 Py_TYPE(value)->tp_name);
  }
  return Encoded::kFailed;
}

Encoded encode_int(PyObject* value, wire::Writer& writer, const EncodeOptions& options) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow == 0) {
    if (number == -1 && PyErr_Occurred() != nullptr) return Encoded::kFailed;
    writer.integer(number);
    return Encoded::kDone;
  }
  if (overflow > 0) {
    const unsigned long long large = PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred() == nullptr) {
      writer.unsigned_integer(large);
      return Encoded::kDone;
    }
    PyErr_Clear();
  }
  if (!options.typed_only) return Encoded::kUnsupported;
  PyErr_SetString(PyExc_OverflowError, "an int of more than 64 bits cannot travel to a C++ node");
  return Encoded::kFailed;
}

Encoded encode_str(PyObject* value, wire::Writer& writer, const EncodeOptions& options) {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(value, &size);
  if (text == nullptr) {  // Lone surrogates.
    if (options.typed_only) return Encoded::kFailed;
    PyErr_Clear();
    return Encoded::kUnsupported;
  }
  writer.string({text, static_cast<size_t>(size)});
  return Encoded::kDone;
}

Encoded encode_sequence(PyObject* value, wire::Writer& writer, const EncodeOptions& options,
                        int depth) {
  // The size is read each time: encoding an element may run Python code that changes the list.
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(value);
  const bool is_tuple = PyTuple_Check(value);
  size_t mark = 0;
  if (is_tuple)
    mark = writer.begin_tuple(static_cast<size_t>(count));
  else
    writer.begin_list(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (i >= PySequence_Fast_GET_SIZE(value)) {
      PyErr_SetString(PyExc_RuntimeError, "a list changed its size while it was sent");
      return Encoded::kFailed;
    }
    const Encoded encoded =
        encode_value(PySequence_Fast_GET_ITEM(value, i), writer, options, depth + 1);
    if (encoded != Encoded::kDone) return encoded;
  }
  if (is_tuple) writer.end_tuple(mark);
  return Encoded::kDone;
}

Encoded encode_dict(PyObject* value, wire::Writer& writer, const EncodeOptions& options,
                    int depth) {
  const Py_ssize_t count = PyDict_GET_SIZE(value);
  writer.begin_map(static_cast<size_t>(count));
  Py_ssize_t position = 0;
  Py_ssize_t written = 0;
  PyObject *key, *item;
  while (PyDict_Next(value, &position, &key, &item)) {
    for (PyObject* part : {key, item}) {
      const Encoded encoded = encode_value(part, writer, options, depth + 1);
      if (encoded != Encoded::kDone) return encoded;
    }
    ++written;
  }
  if (written == count && PyDict_GET_SIZE(value) == count) return Encoded::kDone;
  PyErr_SetString(PyExc_RuntimeError, "a dict changed its size while it was sent");
  return Encoded::kFailed;
}

// A client, by the package's word on what it is.
Encoded encode_client(PyObject* value, wire::Writer& writer, bool& is_client) {
  is_client = false;
  if (hooks().client_parts == nullptr) return Encoded::kDone;
  PyObject* parts = PyObject_CallFunctionObjArgs(hooks().client_parts, value, nullptr);
  if (parts == nullptr) return Encoded::kFailed;
  const char *address = nullptr, *name = nullptr;
  int prebound = 0;
  is_client = parts != Py_None;
  if (is_client && !PyArg_ParseTuple(parts, "ssp", &address, &name, &prebound)) {
    Py_DECREF(parts);
    return Encoded::kFailed;
  }
  if (is_client) writer.client({address, name, prebound != 0});
  Py_DECREF(parts);
  return Encoded::kDone;
}

PyObject* as_numpy = nullptr;

// An array or tensor of another library: a numpy array over its memory. Null: it is none, or its
// elements are not at hand (then an exception is set).
PyObject* foreign_array(PyObject* value) {
  if (!PyObject_HasAttrString(reinterpret_cast<PyObject*>(Py_TYPE(value)), "__dlpack__")) {
    return nullptr;
  }
  try {
    PyObject* const convert = cached(as_numpy, "launchpad.calls.tensors", "as_numpy").ptr();
    PyObject* const array = PyObject_CallFunctionObjArgs(convert, value, nullptr);
    if (array != Py_None) return array;
    Py_DECREF(array);
    return nullptr;
  } catch (nb::python_error& failed) {
    failed.restore();
    return nullptr;
  }
}

// Towards C++, what can be a plain value becomes one: subclasses, numpy scalars, arrays of other
// libraries.
Encoded encode_converted(PyObject* value, wire::Writer& writer, const EncodeOptions& options,
                         int depth) {
  if (PyUnicode_Check(value)) return encode_str(value, writer, options);
  if (PyLong_Check(value)) return encode_int(value, writer, options);
  if (PyFloat_Check(value)) {
    writer.real(PyFloat_AsDouble(value));
    return Encoded::kDone;
  }
  if (PyList_Check(value) || PyTuple_Check(value))
    return encode_sequence(value, writer, options, depth);
  if (PyDict_Check(value)) return encode_dict(value, writer, options, depth);
  bool is_client = false;
  const Encoded as_client = encode_client(value, writer, is_client);
  if (as_client == Encoded::kFailed || is_client) return as_client;
  const std::string_view type = Py_TYPE(value)->tp_name;
  if (type == "numpy.bool_" || type == "numpy.bool") {
    writer.boolean(PyObject_IsTrue(value) == 1);
    return Encoded::kDone;
  }
  PyObject* converted = type.starts_with("numpy.") ? nullptr : foreign_array(value);
  if (converted == nullptr && PyErr_Occurred() != nullptr) return Encoded::kFailed;
  if (converted == nullptr && PyIndex_Check(value)) {
    converted = PyNumber_Index(value);
  } else if (converted == nullptr && PyObject_HasAttrString(value, "__float__") &&
             type.starts_with("numpy.")) {
    converted = PyNumber_Float(value);
  }
  if (converted == nullptr) {
    PyErr_Clear();  // Arrays of several elements claim to be numbers.
    return unsupported(value, options);
  }
  const Encoded encoded = encode_value(converted, writer, options, depth + 1);
  Py_DECREF(converted);
  return encoded;
}

}  // namespace

Encoded encode_value(PyObject* value, wire::Writer& writer, const EncodeOptions& options,
                     int depth) {
  if (depth > wire::kMaxDepth) {
    if (!options.typed_only) return Encoded::kUnsupported;
    PyErr_SetString(PyExc_ValueError,
                    "a value is nested too deeply for a C++ node, or contains itself");
    return Encoded::kFailed;
  }
  if (value == Py_None) {
    writer.nil();
  } else if (value == Py_True || value == Py_False) {
    writer.boolean(value == Py_True);
  } else if (PyLong_CheckExact(value)) {
    return encode_int(value, writer, options);
  } else if (PyFloat_CheckExact(value)) {
    writer.real(PyFloat_AS_DOUBLE(value));
  } else if (PyUnicode_CheckExact(value)) {
    return encode_str(value, writer, options);
  } else if (PyBytes_CheckExact(value)) {
    writer.bytes({PyBytes_AS_STRING(value), static_cast<size_t>(PyBytes_GET_SIZE(value))});
  } else if (PyTuple_CheckExact(value) || PyList_CheckExact(value)) {
    return encode_sequence(value, writer, options, depth);
  } else if (PyDict_CheckExact(value)) {
    return encode_dict(value, writer, options, depth);
  } else if (is_array(value)) {
    const Encoded encoded = encode_array(value, writer, options);
    return encoded == Encoded::kUnsupported ? unsupported(value, options) : encoded;
  } else {
    return options.typed_only ? encode_converted(value, writer, options, depth)
                              : Encoded::kUnsupported;
  }
  return Encoded::kDone;
}

}  // namespace lp::bindings
