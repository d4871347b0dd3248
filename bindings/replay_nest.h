// Nest is the structure of a Python value of dicts, lists, tuples and named tuples, as dm-tree sees
// it, kept so that values of the same structure are taken apart and put together in one pass. Not
// for other kinds of mappings and sequences: those go through dm-tree itself. With the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>
#include <span>
#include <vector>

namespace lp::bindings {

namespace nb = nanobind;

class Nest {
 public:
  // None: a part of it is of another kind (or keys cannot be ordered).
  static std::optional<Nest> of(PyObject* example);

  // Appends the value's leaves, borrowed, in dm-tree's order. False: it is of another structure;
  // then `leaves` is as it was.
  bool flatten(PyObject* value, std::vector<PyObject*>& leaves) const;
  // A value with these leaves: a new reference, or null with an exception set. `lists_as_tuples`:
  // as datasets have it.
  PyObject* build(std::span<PyObject* const> leaves) const;

 private:
  enum class Kind { kLeaf, kDict, kList, kTuple, kNamedTuple };
  struct Part {
    Kind kind = Kind::kLeaf;
    nb::object type{};               // Of a named tuple.
    std::vector<nb::object> keys{};  // Of a dict: sorted.
    std::vector<size_t> order{};     // Of a dict: its own order, as places in `keys`.
    std::vector<Part> parts{};
  };

  static bool describe(PyObject* example, Part& part, size_t& leaves, int depth);
  static bool describe_dict(PyObject* example, Part& part, size_t& leaves, int depth);
  static bool walk(PyObject* value, const Part& part, std::vector<PyObject*>& leaves);
  static PyObject* build(const Part& part, PyObject* const*& next);
  static PyObject* build_dict(const Part& part, PyObject* const*& next);

  Part root_;
  size_t size_ = 0;
};

}  // namespace lp::bindings
