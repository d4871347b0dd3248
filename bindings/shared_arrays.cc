// empty, take: arrays in shared memory from Python.
#include "bindings/arrays.h"
#include "bindings/module.h"
#include "bindings/steal.h"

namespace lp::bindings {
namespace {

nb::object empty(nb::handle shape, nb::handle dtype) {
  nb::object array = steal_or_raise(empty_array(shape.ptr(), dtype.ptr()));
  return array;
}

nb::object take(nb::handle array) {
  nb::object taken = steal_or_raise(take_array(array.ptr()));
  return taken;
}

}  // namespace

void bind_arrays(nb::module_& m) {
  m.def("empty", &empty, nb::arg("shape"), nb::arg("dtype"),
        "An uninitialised numpy array in shared memory.");
  m.def("take", &take, nb::arg("array"), "A writable array with the same elements.");
}

}  // namespace lp::bindings
