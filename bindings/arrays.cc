#include "bindings/arrays.h"

#include <array>
#include <optional>
#include <vector>

#include "bindings/buffer_object.h"

namespace lp::bindings {
namespace {

// numpy's parts, held for ever once numpy is there.
struct Numpy {
  PyTypeObject* ndarray = nullptr;
  PyObject* ascontiguousarray = nullptr;
  PyObject* dtype = nullptr;
  std::array<PyObject*, 32> dtypes{};
};
Numpy numpy;

bool load_numpy(bool import) {
  if (numpy.ndarray != nullptr) return true;
  PyObject* name = PyUnicode_InternFromString("numpy");
  PyObject* module = import ? PyImport_Import(name) : PyImport_GetModule(name);
  Py_DECREF(name);
  if (module == nullptr) return false;
  PyObject* ndarray = PyObject_GetAttrString(module, "ndarray");
  numpy.ascontiguousarray = PyObject_GetAttrString(module, "ascontiguousarray");
  numpy.dtype = PyObject_GetAttrString(module, "dtype");
  Py_DECREF(module);
  if (ndarray == nullptr || numpy.ascontiguousarray == nullptr || numpy.dtype == nullptr) {
    // numpy is being imported right now: not an array, then.
    if (!import) PyErr_Clear();
    return false;
  }
  numpy.ndarray = reinterpret_cast<PyTypeObject*>(ndarray);
  return true;
}

bool import_ml_dtypes() {
  PyObject* const module = PyImport_ImportModule("ml_dtypes");
  Py_XDECREF(module);
  if (module != nullptr) return true;
  PyErr_SetString(PyExc_ValueError,
                  "an array of bfloat16 came, and Python has no such type: pip install ml_dtypes");
  return false;
}

// Whether the array's elements are ml_dtypes' bfloat16, in this machine's byte order.
bool has_bfloat16(PyObject* array) {
  PyObject* const dtype = PyObject_GetAttrString(array, "dtype");
  PyObject* const name = dtype == nullptr ? nullptr : PyObject_GetAttrString(dtype, "name");
  const bool is = name != nullptr && PyUnicode_Check(name) &&
                  PyUnicode_CompareWithASCIIString(name, "bfloat16") == 0;
  Py_XDECREF(dtype);
  Py_XDECREF(name);
  PyErr_Clear();
  return is;
}

PyObject* dtype_object(DType dtype) {
  PyObject*& cached = numpy.dtypes[static_cast<size_t>(dtype)];
  if (cached == nullptr) {
    // numpy knows that name once the package is there.
    if (dtype == DType::kBfloat16 && !import_ml_dtypes()) return nullptr;
    const std::string name(dtype_name(dtype));
    cached = PyObject_CallFunction(numpy.dtype, "s", name.c_str());
  }
  return cached;
}

}  // namespace

// Big-endian and structured ones are none of ours.
std::optional<DType> dtype_of_format(const char* format, Py_ssize_t item_size) {
  if (format == nullptr) return DType::kUint8;
  if (*format == '<' || *format == '=' || *format == '@') ++format;
  const char kind = *format;
  if (kind == 'Z' && format[1] != 0 && format[2] == 0) {
    if (format[1] == 'f') return DType::kComplex64;
    if (format[1] == 'd') return DType::kComplex128;
    return std::nullopt;
  }
  if (kind == 0 || format[1] != 0) return std::nullopt;
  if (kind == '?') return DType::kBool;
  if (kind == 'e') return DType::kFloat16;
  if (kind == 'f') return DType::kFloat32;
  if (kind == 'd') return DType::kFloat64;
  const bool is_signed = kind == 'b' || kind == 'h' || kind == 'i' || kind == 'l' || kind == 'q';
  if (!is_signed && kind != 'B' && kind != 'H' && kind != 'I' && kind != 'L' && kind != 'Q')
    return std::nullopt;
  switch (item_size) {
    case 1:
      return is_signed ? DType::kInt8 : DType::kUint8;
    case 2:
      return is_signed ? DType::kInt16 : DType::kUint16;
    case 4:
      return is_signed ? DType::kInt32 : DType::kUint32;
    case 8:
      return is_signed ? DType::kInt64 : DType::kUint64;
    default:
      return std::nullopt;
  }
}

PyObject* numpy_dtype(DType dtype) { return load_numpy(true) ? dtype_object(dtype) : nullptr; }

PyObject* array_on(DType dtype, const Tensor::Shape& shape, wire::Buffer memory) {
  PyObject* of = numpy_dtype(dtype);
  if (of == nullptr) return nullptr;
  PyObject* sizes = PyTuple_New(static_cast<Py_ssize_t>(shape.size()));
  if (sizes == nullptr) return nullptr;
  for (size_t i = 0; i < shape.size(); ++i) {
    PyTuple_SET_ITEM(sizes, static_cast<Py_ssize_t>(i), PyLong_FromLongLong(shape[i]));
  }
  PyObject* bytes = make_buffer_object(std::move(memory));
  PyObject* array = bytes == nullptr
                        ? nullptr
                        : PyObject_CallFunctionObjArgs(reinterpret_cast<PyObject*>(numpy.ndarray),
                                                       sizes, of, bytes, nullptr);
  Py_XDECREF(bytes);
  Py_DECREF(sizes);
  return array;
}

bool is_array(PyObject* object) {
  if (numpy.ndarray == nullptr && !load_numpy(false)) return false;
  return Py_TYPE(object) == numpy.ndarray;
}

Encoded encode_array(PyObject* array, wire::Writer& writer, const EncodeOptions& options) {
  Py_buffer view;
  bool bfloat16 = false;
  if (PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
    // Of another layout, or of a dtype without a buffer format.
    PyErr_Clear();
    PyObject* dense = PyObject_CallFunctionObjArgs(numpy.ascontiguousarray, array, nullptr);
    if (dense == nullptr) return Encoded::kFailed;
    bfloat16 = has_bfloat16(dense);
    if (bfloat16) {
      // It has no buffer of its own, but as integers it has.
      PyObject* const integers = PyObject_CallMethod(dense, "view", "s", "u2");
      Py_DECREF(dense);
      if (integers == nullptr) return Encoded::kFailed;
      dense = integers;
    }
    const int failed = PyObject_GetBuffer(dense, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT);
    Py_DECREF(dense);
    if (failed != 0) {
      PyErr_Clear();
      return Encoded::kUnsupported;
    }
  }
  const auto dtype = bfloat16 ? DType::kBfloat16 : dtype_of_format(view.format, view.itemsize);
  if (!dtype || view.ndim > 32) {
    PyBuffer_Release(&view);
    return Encoded::kUnsupported;
  }
  std::array<int64_t, 32> shape;
  for (int i = 0; i < view.ndim; ++i) shape[static_cast<size_t>(i)] = view.shape[i];
  const auto rank = static_cast<size_t>(view.ndim);
  const bool travels_inside = static_cast<size_t>(view.len) < wire::kInlineTensorBytes;
  EncodeOptions how = options;
  how.snapshot = options.snapshot && !travels_inside;
  writer.tensor(*dtype, shape.data(), rank, take_view(view, how));
  return Encoded::kDone;
}

PyObject* decode_array(wire::Reader& reader) {
  const Tensor tensor = reader.tensor();
  if (!reader.ok()) {
    PyErr_SetString(PyExc_ValueError, reader.error()->message.c_str());
    return nullptr;
  }
  return array_on(tensor.dtype(), tensor.shape(), tensor.buffer());
}

namespace {

// ndarray(shape, dtype, buffer, offset, strides).
PyObject* array_over(PyObject* shape, PyObject* dtype, wire::Buffer buffer) {
  PyObject* memory = make_buffer_object(std::move(buffer));
  if (memory == nullptr) return nullptr;
  PyObject* const type = reinterpret_cast<PyObject*>(numpy.ndarray);
  PyObject* array = PyObject_CallFunctionObjArgs(type, shape, dtype, memory, nullptr);
  Py_DECREF(memory);
  return array;
}

// The bytes of an array of this shape and dtype, by numpy's own words; -1 with an exception set.
Py_ssize_t bytes_of(PyObject* shape, PyObject* dtype) {
  PyObject* const kinds = PyObject_GetAttrString(dtype, "hasobject");
  const int has_objects = kinds == nullptr ? -1 : PyObject_IsTrue(kinds);
  Py_XDECREF(kinds);
  if (has_objects < 0) return -1;
  if (has_objects == 1) {
    PyErr_SetString(PyExc_ValueError, "an array of Python objects cannot lie in shared memory");
    return -1;
  }
  PyObject* const item = PyObject_GetAttrString(dtype, "itemsize");
  Py_ssize_t total = item == nullptr ? -1 : PyLong_AsSsize_t(item);
  Py_XDECREF(item);
  PyObject* const sizes = total < 0              ? nullptr
                          : PyIndex_Check(shape) ? PyTuple_Pack(1, shape)
                                                 : PySequence_Tuple(shape);
  if (sizes == nullptr) return -1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(sizes) && total >= 0; ++i) {
    const Py_ssize_t size = PyNumber_AsSsize_t(PyTuple_GET_ITEM(sizes, i), PyExc_ValueError);
    if (size < 0 || __builtin_mul_overflow(total, size, &total)) {
      if (PyErr_Occurred() == nullptr) {
        PyErr_Format(PyExc_ValueError, "no array has the shape %R", shape);
      }
      total = -1;
    }
  }
  Py_DECREF(sizes);
  return total;
}

PyObject* copy_array(PyObject* array) { return PyObject_CallMethod(array, "copy", "s", "K"); }

}  // namespace

PyObject* empty_array(PyObject* shape, PyObject* dtype) {
  if (!load_numpy(true)) return nullptr;
  PyObject* const kind = PyObject_CallFunctionObjArgs(numpy.dtype, dtype, nullptr);
  if (kind == nullptr) return nullptr;
  const Py_ssize_t bytes = bytes_of(shape, kind);
  PyObject* array = nullptr;
  if (bytes >= 0) {
    try {
      array =
          array_over(shape, kind, wire::Buffer::allocate_shared(static_cast<size_t>(bytes), false));
    } catch (const std::bad_alloc&) {
      PyErr_NoMemory();
    }
  }
  Py_DECREF(kind);
  return array;
}

PyObject* take_array(PyObject* array) {
  if (!is_array(array)) {
    PyErr_Format(PyExc_TypeError, "take() wants a numpy array, not %s", Py_TYPE(array)->tp_name);
    return nullptr;
  }
  PyObject* const flags = PyObject_GetAttrString(array, "flags");
  PyObject* const flag = flags == nullptr ? nullptr : PyObject_GetAttrString(flags, "writeable");
  Py_XDECREF(flags);
  if (flag == nullptr) return nullptr;
  const bool writable = flag == Py_True;
  Py_DECREF(flag);
  if (writable) return Py_NewRef(array);
  Py_buffer view;
  if (PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS) != 0) {
    PyErr_Clear();
    return copy_array(array);
  }
  wire::Buffer* const buffer = buffer_under(view);
  PyBuffer_Release(&view);
  if (buffer == nullptr || !buffer->take()) return copy_array(array);
  PyObject* const shape = PyObject_GetAttrString(array, "shape");
  PyObject* const dtype = shape == nullptr ? nullptr : PyObject_GetAttrString(array, "dtype");
  PyObject* taken = nullptr;
  if (dtype != nullptr) {
    // The buffer moves to a new object; arrays over the old one keep it alive as well.
    taken = array_over(shape, dtype, *buffer);
  }
  Py_XDECREF(shape);
  Py_XDECREF(dtype);
  return taken;
}

}  // namespace lp::bindings
