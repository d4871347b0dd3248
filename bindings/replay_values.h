// Python values as what replay stores, and back: leaves to cells, columns to arrays, specs, samples
// and errors. With the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "launchpad/replay/cell.h"
#include "launchpad/replay/sample.h"

namespace lp::bindings {

namespace nb = nanobind;

// Raises what dm-reverb's programs expect: ValueError for INVALID_ARGUMENT, IndexError for
// RESOURCE_EXHAUSTED, NotImplementedError, reverb's DeadlineExceededError, else RuntimeError. An
// exception that is set already (Ctrl-C) goes first.
[[noreturn]] void raise_replay(const Error& error);

template <class T>
T take(Result<T> result) {
  if (!result.ok()) raise_replay(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

// The path of what was written, or RuntimeError: it could not be.
std::string take_checkpoint(Result<std::string> saved);

// What a wait for the replay node of a program that is being stopped ends with: that node takes no
// more. None: no program is, here.
std::optional<Error> program_stops();

// A Python value that a column can hold: numbers, text, bytes, and whatever numpy makes an array
// of. Keeps the memory until it is cleared.
class Leaf {
 public:
  Leaf() = default;
  Leaf(const Leaf&) = delete;
  Leaf& operator=(const Leaf&) = delete;
  ~Leaf() { clear(); }

  // False with a TypeError or ValueError set: no column can hold it.
  bool set(PyObject* value);
  replay::Cell cell(size_t column) const { return {column, type_, shape_, bytes_}; }
  void clear();

 private:
  bool set_view(PyObject* value);
  bool set_plain(PyObject* value);
  bool set_strings(PyObject* strings, PyObject* shape);
  template <class T>
  void set_scalar(DType type, T value);

  replay::ElementType type_ = DType::kFloat32;
  std::span<const int64_t> shape_{};
  std::span<const std::byte> bytes_{};
  Py_buffer view_{};
  bool viewed_ = false;
  nb::object owner_{};  // Of the view, if it is not the value itself.
  std::array<std::byte, 16> scalar_{};
  std::vector<int64_t> own_shape_{};
  std::string strings_{};
};

// Leaves as cells, in scratch memory that is used again.
class Leaves {
 public:
  // Values that are None are left out. Raises.
  void add(size_t column, PyObject* value);
  std::span<const replay::Cell> cells() const { return cells_; }
  size_t bytes() const;
  void clear();

 private:
  std::deque<Leaf> leaves_;  // Stay where they are.
  size_t used_ = 0;
  std::vector<replay::Cell> cells_;
};

// A new array on the column's memory; strings become an array of bytes objects. Raises.
nb::object array_of(const replay::ColumnData& column);
// numpy's dtype; `object` for strings.
nb::object dtype_object_of(const replay::ElementType& type);
// numpy scalars: uint64, float64, int64, float64, int32.
std::array<nb::object, 5> scalars_of(const replay::SampleInfo& info);
// The same as arrays, of several items.
std::array<nb::object, 5> arrays_of(std::span<const replay::SampleInfo> infos);

// A signature as (structure, [(name, dtype's name, shape or None)]), and back.
nb::object signature_to_python(const replay::Signature& signature);
replay::Signature signature_from_python(nb::handle structure, nb::handle columns);

}  // namespace lp::bindings
