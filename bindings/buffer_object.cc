#include "bindings/buffer_object.h"

#include <cstring>
#include <memory>
#include <new>

#include "bindings/gil.h"

namespace lp::bindings {
namespace {

struct BufferObject {
  PyObject_HEAD wire::Buffer buffer;
};

PyTypeObject* buffer_type = nullptr;

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  wire::Buffer& buffer = reinterpret_cast<BufferObject*>(self)->buffer;
  // An empty buffer has no address of its own, but consumers want one.
  static char nothing;
  void* data = buffer.size() > 0 ? static_cast<void*>(buffer.mutable_data()) : &nothing;
  return PyBuffer_FillInfo(view, self, data, static_cast<Py_ssize_t>(buffer.size()), 0, flags);
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<BufferObject*>(self)->buffer.~Buffer();
  type->tp_free(self);
  Py_DECREF(type);
}

}  // namespace

PyObject* make_buffer_object(wire::Buffer buffer) {
  PyObject* self = buffer_type->tp_alloc(buffer_type, 0);
  if (self == nullptr) return nullptr;
  new (&reinterpret_cast<BufferObject*>(self)->buffer) wire::Buffer(std::move(buffer));
  return self;
}

bool add_buffer_type(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
      {Py_tp_doc, const_cast<char*>("Memory that an array received from a node lies in.")},
      {0, nullptr}};
  PyType_Spec spec{"launchpad._core.Buffer", sizeof(BufferObject), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  buffer_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return buffer_type != nullptr &&
         PyModule_AddObjectRef(module, "Buffer", reinterpret_cast<PyObject*>(buffer_type)) == 0;
}

wire::Buffer take_view(const Py_buffer& view, bool copy) {
  const auto size = static_cast<size_t>(view.len);
  if (copy) {
    wire::Buffer fresh = wire::Buffer::allocate(size);
    if (size > 0) std::memcpy(fresh.mutable_data(), view.buf, size);
    Py_buffer taken = view;
    PyBuffer_Release(&taken);
    return fresh;
  }
  auto owner = std::shared_ptr<const void>(new Py_buffer(view), [](const void* held) {
    auto* taken = static_cast<Py_buffer*>(const_cast<void*>(held));
    const PythonEntry python;
    if (python.ok()) PyBuffer_Release(taken);
    delete taken;
  });
  return wire::Buffer(std::move(owner), view.buf, size);
}

}  // namespace lp::bindings
