#include "bindings/buffer_object.h"

#include <cstring>
#include <memory>
#include <new>
#include <optional>

#include "bindings/arrays.h"
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
  return PyBuffer_FillInfo(view, self, data, static_cast<Py_ssize_t>(buffer.size()),
                           buffer.read_only() ? 1 : 0, flags);
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

namespace {

// Calls `visit(array)` for the array and each array that it is a view of; then gives what the last
// of them lies in: a new reference, or null. Stops with null, and an exception set, where `visit`
// or numpy fails.
template <class Visit>
PyObject* walk_down(PyObject* array, Visit&& visit) {
  PyObject* at = Py_NewRef(array);
  while (is_array(at)) {
    PyObject* const base = visit(at) ? PyObject_GetAttrString(at, "base") : nullptr;
    Py_DECREF(at);
    if (base == nullptr) return nullptr;
    at = base;
  }
  return at;
}

// Every array over the memory that can be reached from this one becomes read-only.
bool make_read_only(PyObject* array) {
  PyObject* const memory = walk_down(array, [](PyObject* view) {
    PyObject* const done = PyObject_CallMethod(view, "setflags", "O", Py_False);
    Py_XDECREF(done);
    return done != nullptr;
  });
  Py_XDECREF(memory);
  return memory != nullptr;
}

}  // namespace

wire::Buffer* buffer_under(const Py_buffer& view) {
  if (view.obj == nullptr) return nullptr;
  PyObject* const memory = walk_down(view.obj, [](PyObject*) { return true; });
  if (memory == nullptr) PyErr_Clear();
  wire::Buffer* buffer = nullptr;
  if (memory != nullptr && Py_TYPE(memory) == buffer_type)
    buffer = &reinterpret_cast<BufferObject*>(memory)->buffer;
  Py_XDECREF(memory);  // The array holds it.
  const bool whole = buffer != nullptr && view.buf == buffer->data() &&
                     static_cast<size_t>(view.len) <= buffer->size();
  return whole ? buffer : nullptr;
}

namespace {

// The bytes of the view as they lie in shared memory, if they do, from the start of a block.
std::optional<wire::Buffer> share_view(const Py_buffer& view) {
  if (static_cast<size_t>(view.len) < wire::kSharedBytes) return {};
  wire::Buffer* const buffer = buffer_under(view);
  if (buffer == nullptr || buffer->block() == nullptr) return {};
  if (!buffer->read_only()) {
    if (!make_read_only(view.obj)) {
      PyErr_Clear();
      return {};
    }
    buffer->block()->freeze();
  }
  return buffer->first(static_cast<size_t>(view.len));
}

wire::Buffer copy_of(const Py_buffer& view, bool share) {
  const auto size = static_cast<size_t>(view.len);
  wire::Buffer fresh =
      share ? wire::Buffer::allocate_shared(size, true) : wire::Buffer::allocate(size);
  if (size > 0) std::memcpy(fresh.mutable_data(), view.buf, size);
  return fresh;
}

}  // namespace

wire::Buffer take_view(const Py_buffer& view, const EncodeOptions& options) {
  std::optional<wire::Buffer> taken;
  if (options.share) taken = share_view(view);
  if (!taken && options.snapshot) taken = copy_of(view, options.share);
  if (taken) {
    Py_buffer released = view;
    PyBuffer_Release(&released);
    return std::move(*taken);
  }
  auto owner = std::shared_ptr<const void>(new Py_buffer(view), [](const void* held) {
    auto* taken = static_cast<Py_buffer*>(const_cast<void*>(held));
    const PythonEntry python;
    if (python.ok()) PyBuffer_Release(taken);
    delete taken;
  });
  return wire::Buffer(std::move(owner), view.buf, static_cast<size_t>(view.len));
}

}  // namespace lp::bindings
