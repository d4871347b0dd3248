#include "bindings/replay_nest.h"

#include <nanobind/stl/optional.h>

#include "bindings/arrays.h"
#include "bindings/imports.h"
#include "bindings/module.h"
#include "bindings/steal.h"

namespace lp::bindings {
namespace {

constexpr int kMaxDepth = 100;

PyObject* tree_is_nested = nullptr;

bool is_plain_leaf(PyObject* value) {
  return value == Py_None || PyFloat_Check(value) || PyLong_Check(value) ||
         PyUnicode_Check(value) || PyBytes_Check(value) || is_array(value);
}

// As dm-tree sees it; asked only of what is none of the usual.
bool is_nested(PyObject* value) {
  return nb::cast<bool>(cached(tree_is_nested, "tree", "is_nested")(nb::handle(value)));
}

bool is_named_tuple(PyObject* value) {
  return PyTuple_Check(value) && PyObject_HasAttrString(value, "_fields") == 1;
}

}  // namespace

std::optional<Nest> Nest::of(PyObject* example) {
  Nest nest;
  if (!describe(example, nest.root_, nest.size_, 0)) return std::nullopt;
  return nest;
}

bool Nest::describe(PyObject* example, Part& part, size_t& leaves, int depth) {
  if (depth > kMaxDepth) return false;
  if (PyDict_CheckExact(example)) return describe_dict(example, part, leaves, depth);
  const bool list = PyList_CheckExact(example);
  if (list || PyTuple_CheckExact(example) || is_named_tuple(example)) {
    part.kind = list ? Kind::kList : PyTuple_CheckExact(example) ? Kind::kTuple : Kind::kNamedTuple;
    if (part.kind == Kind::kNamedTuple)
      part.type = nb::borrow(reinterpret_cast<PyObject*>(Py_TYPE(example)));
    const Py_ssize_t size = PySequence_Fast_GET_SIZE(example);
    for (Py_ssize_t i = 0; i < size; ++i) {
      if (!describe(PySequence_Fast_GET_ITEM(example, i), part.parts.emplace_back(), leaves,
                    depth + 1))
        return false;
    }
    return true;
  }
  if (!is_plain_leaf(example) && is_nested(example)) return false;
  ++leaves;
  return true;
}

bool Nest::describe_dict(PyObject* example, Part& part, size_t& leaves, int depth) {
  part.kind = Kind::kDict;
  const nb::object own_order = nb::steal(PyDict_Keys(example));
  const nb::object sorted = nb::steal(PyDict_Keys(example));
  if (PyList_Sort(sorted.ptr()) != 0) {
    PyErr_Clear();
    return false;
  }
  const auto size = static_cast<size_t>(PyList_GET_SIZE(sorted.ptr()));
  for (size_t i = 0; i < size; ++i) {
    PyObject* key = PyList_GET_ITEM(sorted.ptr(), static_cast<Py_ssize_t>(i));
    part.keys.push_back(nb::borrow(key));
    if (!describe(PyDict_GetItem(example, key), part.parts.emplace_back(), leaves, depth + 1))
      return false;
  }
  for (size_t i = 0; i < size; ++i) {
    PyObject* key = PyList_GET_ITEM(own_order.ptr(), static_cast<Py_ssize_t>(i));
    size_t place = 0;
    while (part.keys[place].ptr() != key) ++place;
    part.order.push_back(place);
  }
  return true;
}

bool Nest::flatten(PyObject* value, std::vector<PyObject*>& leaves) const {
  const size_t before = leaves.size();
  if (walk(value, root_, leaves)) return true;
  leaves.resize(before);
  return false;
}

bool Nest::walk(PyObject* value, const Part& part, std::vector<PyObject*>& leaves) {
  switch (part.kind) {
    case Kind::kLeaf:
      if (PyDict_Check(value) || PyList_Check(value) || PyTuple_Check(value)) return false;
      leaves.push_back(value);
      return true;
    case Kind::kDict:
      if (!PyDict_CheckExact(value) ||
          static_cast<size_t>(PyDict_GET_SIZE(value)) != part.keys.size())
        return false;
      for (size_t i = 0; i < part.keys.size(); ++i) {
        PyObject* child = PyDict_GetItem(value, part.keys[i].ptr());
        if (child == nullptr || !walk(child, part.parts[i], leaves)) return false;
      }
      return true;
    case Kind::kList:
      if (!PyList_CheckExact(value)) return false;
      break;
    case Kind::kTuple:
      if (!PyTuple_CheckExact(value)) return false;
      break;
    case Kind::kNamedTuple:
      if (reinterpret_cast<PyObject*>(Py_TYPE(value)) != part.type.ptr()) return false;
      break;
  }
  if (static_cast<size_t>(PySequence_Fast_GET_SIZE(value)) != part.parts.size()) return false;
  for (size_t i = 0; i < part.parts.size(); ++i) {
    if (!walk(PySequence_Fast_GET_ITEM(value, static_cast<Py_ssize_t>(i)), part.parts[i], leaves))
      return false;
  }
  return true;
}

PyObject* Nest::build(std::span<PyObject* const> leaves) const {
  if (leaves.size() != size_) {
    PyErr_Format(PyExc_ValueError, "the structure has %zu leaves, but there are %zu", size_,
                 leaves.size());
    return nullptr;
  }
  PyObject* const* next = leaves.data();
  return build(root_, next);
}

PyObject* Nest::build_dict(const Part& part, PyObject* const*& next) {
  std::vector<nb::object> values;
  values.reserve(part.parts.size());
  for (const Part& child : part.parts) {
    values.push_back(nb::steal(build(child, next)));
    if (!values.back().is_valid()) return nullptr;
  }
  PyObject* dict = PyDict_New();
  for (size_t place : part.order) {
    if (dict != nullptr && PyDict_SetItem(dict, part.keys[place].ptr(), values[place].ptr()) != 0)
      Py_CLEAR(dict);
  }
  return dict;
}

PyObject* Nest::build(const Part& part, PyObject* const*& next) {
  if (part.kind == Kind::kLeaf) return Py_NewRef(*next++);
  if (part.kind == Kind::kDict) return build_dict(part, next);
  const auto size = static_cast<Py_ssize_t>(part.parts.size());
  const bool list = part.kind == Kind::kList;
  nb::object made = nb::steal(list ? PyList_New(size) : PyTuple_New(size));
  if (!made.is_valid()) return nullptr;
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* child = build(part.parts[static_cast<size_t>(i)], next);
    if (child == nullptr) return nullptr;
    if (list)
      PyList_SET_ITEM(made.ptr(), i, child);
    else
      PyTuple_SET_ITEM(made.ptr(), i, child);
  }
  if (part.kind != Kind::kNamedTuple) return made.release().ptr();
  // As NamedTuple._make does it, without its Python frames.
  auto* type = reinterpret_cast<PyTypeObject*>(part.type.ptr());
  const nb::object args = nb::steal(PyTuple_Pack(1, made.ptr()));
  return args.is_valid() ? PyTuple_Type.tp_new(type, args.ptr(), nullptr) : nullptr;
}

void bind_replay_nest(nb::module_& m) {
  nb::class_<Nest>(m, "ReplayNest", "A structure of dicts, lists and tuples, without its leaves.")
      .def(
          "build",
          [](const Nest& self, nb::list leaves) {
            std::vector<PyObject*> items;
            for (nb::handle leaf : leaves) items.push_back(leaf.ptr());
            nb::object built = steal_or_raise(self.build(items));
            return built;
          },
          nb::arg("leaves"), "A value with these leaves.");
  m.def(
      "replay_nest", [](nb::handle example) { return Nest::of(example.ptr()); },
      nb::arg("example").none(),
      "The structure of a value; None: one that only dm-tree can take apart.");
}

}  // namespace lp::bindings
