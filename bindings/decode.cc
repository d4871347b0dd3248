#include "bindings/decode.h"

#include <nanobind/nanobind.h>

#include "bindings/arrays.h"
#include "bindings/hooks.h"

namespace lp::bindings {
namespace {

PyObject* malformed(const wire::Reader& reader) {
  if (PyErr_Occurred() == nullptr) {
    PyErr_SetString(PyExc_ValueError,
                    reader.ok() ? "malformed value" : reader.error()->message.c_str());
  }
  return nullptr;
}

PyObject* decode_sequence(wire::Reader& reader, bool as_tuple, int depth) {
  const auto count = static_cast<Py_ssize_t>(reader.list());
  if (!reader.ok()) return malformed(reader);
  PyObject* sequence = as_tuple ? PyTuple_New(count) : PyList_New(count);
  for (Py_ssize_t i = 0; sequence != nullptr && i < count; ++i) {
    PyObject* item = decode_value(reader, depth + 1);
    if (item == nullptr) {
      Py_CLEAR(sequence);
    } else if (as_tuple) {
      PyTuple_SET_ITEM(sequence, i, item);
    } else {
      PyList_SET_ITEM(sequence, i, item);
    }
  }
  return sequence;
}

PyObject* decode_dict(wire::Reader& reader, int depth) {
  PyObject* dict = PyDict_New();
  for (size_t count = reader.map(); dict != nullptr && count > 0; --count) {
    PyObject* key = decode_value(reader, depth + 1);
    PyObject* value = key == nullptr ? nullptr : decode_value(reader, depth + 1);
    if (value == nullptr || PyDict_SetItem(dict, key, value) != 0) Py_CLEAR(dict);
    Py_XDECREF(key);
    Py_XDECREF(value);
  }
  if (dict != nullptr && !reader.ok()) Py_CLEAR(dict);
  return dict == nullptr ? malformed(reader) : dict;
}

PyObject* decode_int(wire::Reader& reader) {
  const wire::Reader::Mark start = reader.mark();
  const int64_t number = reader.integer();
  if (reader.ok()) return PyLong_FromLongLong(number);
  reader.rewind(start);
  const uint64_t large = reader.unsigned_integer();
  return reader.ok() ? PyLong_FromUnsignedLongLong(large) : malformed(reader);
}

PyObject* decode_client(wire::Reader& reader) {
  const wire::ClientRef client = reader.client();
  if (!reader.ok()) return malformed(reader);
  return PyObject_CallFunction(hooks().make_client, "ssO", client.address.c_str(),
                               client.server_name.c_str(), client.prebound ? Py_True : Py_False);
}

}  // namespace

PyObject* decode_value(wire::Reader& reader, int depth) {
  if (depth > wire::kMaxDepth + 1) {
    PyErr_SetString(PyExc_ValueError, "a value is nested too deeply");
    return nullptr;
  }
  switch (reader.peek()) {
    case wire::Kind::kNothing:
      return malformed(reader);
    case wire::Kind::kNil: {
      reader.nil();
      return Py_NewRef(Py_None);
    }
    case wire::Kind::kBool:
      return Py_NewRef(reader.boolean() ? Py_True : Py_False);
    case wire::Kind::kInt:
      return decode_int(reader);
    case wire::Kind::kReal:
      return PyFloat_FromDouble(reader.real());
    case wire::Kind::kString: {
      const std::string_view text = reader.string();
      if (!reader.ok()) return malformed(reader);
      return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
    }
    case wire::Kind::kBytes: {
      const std::string_view bytes = reader.bytes();
      if (!reader.ok()) return malformed(reader);
      return PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
    }
    case wire::Kind::kList:
      return decode_sequence(reader, false, depth);
    case wire::Kind::kTuple:
      return decode_sequence(reader, true, depth);
    case wire::Kind::kMap:
      return decode_dict(reader, depth);
    case wire::Kind::kTensor:
      return decode_array(reader);
    case wire::Kind::kClient:
      return decode_client(reader);
  }
  return malformed(reader);
}

}  // namespace lp::bindings
