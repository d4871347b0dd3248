#include "bindings/pickles.h"

#include "bindings/buffer_object.h"
#include "bindings/gil.h"
#include "bindings/imports.h"
#include "bindings/steal.h"

namespace lp::bindings {
namespace {

// Buffers below this size stay inside the pickle.
constexpr Py_ssize_t kInlineBytes = 4096;

nb::object call(const nb::object& function, const nb::tuple& args, const nb::dict& kwargs) {
  nb::object result = steal_or_raise(call_python(function.ptr(), args.ptr(), kwargs.ptr()));
  return result;
}

PyObject* dumps = nullptr;
PyObject* loads = nullptr;

// pickle calls it with each PickleBuffer: true keeps the buffer inside.
bool take_buffer(nb::handle pickle_buffer, wire::Payload& payload, const EncodeOptions& options) {
  Py_buffer view;
  if (PyObject_GetBuffer(pickle_buffer.ptr(), &view, PyBUF_FULL_RO) != 0) throw nb::python_error();
  if (view.len < kInlineBytes || !PyBuffer_IsContiguous(&view, 'A')) {
    PyBuffer_Release(&view);
    return true;
  }
  payload.buffers.push_back(take_view(view, options));
  return false;
}

}  // namespace

void pickle(PyObject* value, wire::Payload& payload, const EncodeOptions& how) {
  const nb::object callback =
      nb::cpp_function([&](nb::handle buffer) { return take_buffer(buffer, payload, how); });
  const nb::bytes body =
      nb::cast<nb::bytes>(call(cached(dumps, "launchpad.calls.pickles", "dumps"),
                               nb::make_tuple(nb::handle(value), callback), nb::dict()));
  payload.encoding = wire::Encoding::kPickle;
  payload.body.assign(body.c_str(), body.size());
}

nb::object unpickle(const wire::Payload& payload) {
  nb::list buffers;
  for (const wire::Buffer& buffer : payload.buffers) {
    const nb::object memory = steal_or_raise(make_buffer_object(buffer));
    buffers.append(memory);
  }
  const nb::object body =
      nb::steal(PyMemoryView_FromMemory(const_cast<char*>(payload.body.data()),
                                        static_cast<Py_ssize_t>(payload.body.size()), PyBUF_READ));
  nb::dict options;
  options["buffers"] = buffers;
  return call(cached(loads, "pickle", "loads"), nb::make_tuple(body), options);
}

}  // namespace lp::bindings
