// empty, take: arrays in shared memory from Python.
#include "bindings/arrays.h"
#include "bindings/module.h"

namespace lp::bindings {
namespace {

nb::object empty(nb::handle shape, nb::handle dtype) {
  nb::object array = nb::steal(empty_array(shape.ptr(), dtype.ptr()));
  if (!array.is_valid()) throw nb::python_error();
  return array;
}

nb::object take(nb::handle array) {
  nb::object taken = nb::steal(take_array(array.ptr()));
  if (!taken.is_valid()) throw nb::python_error();
  return taken;
}

}  // namespace

void bind_arrays(nb::module_& m) {
  m.def("empty", &empty, nb::arg("shape"), nb::arg("dtype"),
        "An uninitialised numpy array in shared memory.");
  m.def("take", &take, nb::arg("array"), "A writable array with the same elements.");
}

}  // namespace lp::bindings
