#include "bindings/replay_values.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "bindings/arrays.h"
#include "bindings/imports.h"
#include "bindings/steal.h"
#include "launchpad/run/context.h"

namespace lp::bindings {
namespace {

// What `cached` found.
PyObject* deadline_error = nullptr;
PyObject* plain_array = nullptr;
PyObject* array_of_strings = nullptr;
PyObject* strings_dtype = nullptr;
PyObject* numpy_uint64 = nullptr;
PyObject* numpy_float64 = nullptr;
PyObject* numpy_int64 = nullptr;
PyObject* numpy_int32 = nullptr;

// Fresh memory of `count` T.
template <class T>
std::pair<wire::Buffer, T*> memory_for(size_t count) {
  wire::Buffer buffer = wire::Buffer::allocate(count * sizeof(T));
  return {buffer, reinterpret_cast<T*>(buffer.mutable_data())};
}

}  // namespace

void raise_replay(const Error& error) {
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  PyObject* type = PyExc_RuntimeError;
  if (error.code == Code::kInvalidArgument) type = PyExc_ValueError;
  if (error.code == Code::kResourceExhausted) type = PyExc_IndexError;
  if (error.code == Code::kUnimplemented) type = PyExc_NotImplementedError;
  if (error.code == Code::kDeadlineExceeded) {
    type = cached(deadline_error, "reverb.errors", "DeadlineExceededError").ptr();
  }
  PyErr_SetString(type, error.message.c_str());
  throw nb::python_error();
}

std::string take_checkpoint(Result<std::string> saved) {
  // A full disk is no index: the program goes on without this checkpoint.
  if (!saved.ok() && saved.error().code == Code::kResourceExhausted)
    raise_replay(Error(Code::kInternal, saved.error().message));
  return take(std::move(saved));
}

std::optional<Error> program_stops() {
  const auto context = run::current_context();
  if (context == nullptr || !context->stop->requested()) return std::nullopt;
  return Error(Code::kUnavailable, "the program is being stopped, and its replay node with it");
}

void Leaf::clear() {
  if (viewed_) PyBuffer_Release(&view_);
  viewed_ = false;
  owner_.reset();
}

template <class T>
void Leaf::set_scalar(DType type, T value) {
  std::memcpy(scalar_.data(), &value, sizeof value);
  type_ = type;
  shape_ = {};
  bytes_ = std::span(scalar_).first(sizeof value);
}

bool Leaf::set(PyObject* value) {
  clear();
  if (PyFloat_CheckExact(value)) {
    set_scalar(DType::kFloat64, PyFloat_AS_DOUBLE(value));
    return true;
  }
  if (PyBool_Check(value)) {
    set_scalar(DType::kBool, static_cast<uint8_t>(value == Py_True));
    return true;
  }
  if (PyLong_CheckExact(value)) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0) {
      set_scalar(DType::kInt64, static_cast<int64_t>(number));
      return true;
    }
    return set_plain(value);
  }
  if (!PyUnicode_Check(value) && !PyBytes_Check(value) && PyObject_CheckBuffer(value) &&
      set_view(value))
    return true;
  return set_plain(value);
}

bool Leaf::set_view(PyObject* value) {
  if (PyObject_GetBuffer(value, &view_, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    return false;
  }
  auto dtype = dtype_of_format(view_.format, view_.itemsize);
  // numpy's dates are bytes to whoever asks for a view; its numbers have no dimensions.
  const bool known = is_array(value) || PyByteArray_Check(value) || PyMemoryView_Check(value);
  if (!known && view_.ndim != 0) dtype = std::nullopt;
  if (!dtype) {
    PyBuffer_Release(&view_);
    return false;
  }
  viewed_ = true;
  type_ = *dtype;
  static_assert(std::is_same_v<Py_ssize_t, int64_t>);
  shape_ = {view_.shape, static_cast<size_t>(view_.ndim)};
  bytes_ = {static_cast<const std::byte*>(view_.buf), static_cast<size_t>(view_.len)};
  return true;
}

bool Leaf::set_plain(PyObject* value) {
  const nb::object plain = cached(plain_array, "reverb.arrays", "plain");
  nb::object made = nb::steal(PyObject_CallOneArg(plain.ptr(), value));
  if (!made.is_valid()) return false;
  const bool pair = PyTuple_Check(made.ptr());
  if (pair && PyList_Check(PyTuple_GET_ITEM(made.ptr(), 0)))
    return set_strings(PyTuple_GET_ITEM(made.ptr(), 0), PyTuple_GET_ITEM(made.ptr(), 1));
  if (pair) made = nb::borrow(PyTuple_GET_ITEM(made.ptr(), 0));
  const bool viewed = set_view(made.ptr());
  if (pair) type_ = DType::kBfloat16;  // Its bits have come.
  if (!viewed) {
    PyErr_Format(PyExc_TypeError, "an array of this kind cannot be stored: %R", value);
    return false;
  }
  owner_ = std::move(made);
  return true;
}

bool Leaf::set_strings(PyObject* strings, PyObject* shape) {
  std::vector<std::string> texts;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(strings); ++i) {
    PyObject* text = PyList_GET_ITEM(strings, i);
    texts.emplace_back(PyBytes_AS_STRING(text), static_cast<size_t>(PyBytes_GET_SIZE(text)));
  }
  own_shape_.clear();
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shape); ++i)
    own_shape_.push_back(PyLong_AsLongLong(PyTuple_GET_ITEM(shape, i)));
  strings_ = replay::encode_strings(texts);
  type_ = std::nullopt;
  shape_ = own_shape_;
  bytes_ = std::as_bytes(std::span(strings_));
  return true;
}

void Leaves::add(size_t column, PyObject* value) {
  if (value == Py_None) return;
  if (used_ == leaves_.size()) leaves_.emplace_back();
  Leaf& leaf = leaves_[used_++];
  if (!leaf.set(value)) throw nb::python_error();
  cells_.push_back(leaf.cell(column));
}

size_t Leaves::bytes() const {
  size_t sum = 0;
  for (const replay::Cell& cell : cells_) sum += cell.bytes.size();
  return sum;
}

void Leaves::clear() {
  cells_.clear();
  for (size_t i = 0; i < used_; ++i) leaves_[i].clear();
  used_ = 0;
}

nb::object array_of(const replay::ColumnData& column) {
  if (column.type) return steal_or_raise(array_on(*column.type, column.shape, column.bytes));
  nb::list texts;
  for (const std::string& text : take(column.strings()))
    texts.append(nb::bytes(text.data(), text.size()));
  nb::list shape;
  for (int64_t size : column.shape) shape.append(size);
  return cached(array_of_strings, "reverb.arrays", "strings")(texts, shape);
}

nb::object dtype_object_of(const replay::ElementType& type) {
  if (!type) return cached(strings_dtype, "reverb.arrays", "STRINGS");
  PyObject* dtype = numpy_dtype(*type);
  if (dtype == nullptr) throw nb::python_error();
  return nb::borrow(dtype);
}

std::array<nb::object, 5> scalars_of(const replay::SampleInfo& info) {
  const auto scalar = [](PyObject*& slot, const char* name, PyObject* number) {
    const nb::object owned = steal_or_raise(number);
    return steal_or_raise(PyObject_CallOneArg(cached(slot, "numpy", name).ptr(), owned.ptr()));
  };
  return {scalar(numpy_uint64, "uint64", PyLong_FromUnsignedLongLong(info.key)),
          scalar(numpy_float64, "float64", PyFloat_FromDouble(info.probability)),
          scalar(numpy_int64, "int64", PyLong_FromLongLong(info.table_size)),
          scalar(numpy_float64, "float64", PyFloat_FromDouble(info.priority)),
          scalar(numpy_int32, "int32", PyLong_FromLong(info.times_sampled))};
}

std::array<nb::object, 5> arrays_of(std::span<const replay::SampleInfo> infos) {
  const size_t count = infos.size();
  auto [keys, key] = memory_for<uint64_t>(count);
  auto [probabilities, probability] = memory_for<double>(count);
  auto [sizes, size] = memory_for<int64_t>(count);
  auto [priorities, priority] = memory_for<double>(count);
  auto [times, time] = memory_for<int32_t>(count);
  for (size_t i = 0; i < count; ++i) {
    key[i] = infos[i].key;
    probability[i] = infos[i].probability;
    size[i] = infos[i].table_size;
    priority[i] = infos[i].priority;
    time[i] = infos[i].times_sampled;
  }
  const Tensor::Shape shape{static_cast<int64_t>(count)};
  return {steal_or_raise(array_on(DType::kUint64, shape, keys)),
          steal_or_raise(array_on(DType::kFloat64, shape, probabilities)),
          steal_or_raise(array_on(DType::kInt64, shape, sizes)),
          steal_or_raise(array_on(DType::kFloat64, shape, priorities)),
          steal_or_raise(array_on(DType::kInt32, shape, times))};
}

nb::object signature_to_python(const replay::Signature& signature) {
  nb::list columns;
  for (const replay::SignatureColumn& column : signature.columns) {
    nb::object shape = nb::none();
    if (column.known_rank) {
      nb::list sizes;
      for (int64_t size : column.shape)
        sizes.append(size < 0 ? nb::object(nb::none()) : nb::object(nb::int_(size)));
      shape = sizes;
    }
    columns.append(nb::make_tuple(column.name, dtype_object_of(column.element_type()), shape));
  }
  const std::string& text = signature.structure.data;
  return nb::make_tuple(nb::str(text.data(), text.size()), columns);
}

replay::Signature signature_from_python(nb::handle structure, nb::handle columns) {
  replay::Signature signature;
  const auto text = nb::cast<std::string>(structure);
  signature.structure.data = text;
  for (nb::handle given : columns) {
    replay::SignatureColumn& column = signature.columns.emplace_back();
    column.name = nb::cast<std::string>(given[0]);
    const auto dtype = nb::cast<std::string>(given[1]);
    if (const auto found = dtype_named(dtype))
      column.type = static_cast<uint8_t>(*found);
    else if (dtype != "object")
      throw nb::type_error(("a table cannot hold elements of dtype " + dtype).c_str());
    const auto shape =
        nb::cast<std::optional<std::vector<std::optional<int64_t>>>>(nb::object(given[2]));
    column.known_rank = shape.has_value();
    for (const auto& size : shape.value_or(std::vector<std::optional<int64_t>>{}))
      column.shape.push_back(size.value_or(-1));
  }
  return signature;
}

}  // namespace lp::bindings
