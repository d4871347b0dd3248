#include "bindings/stream.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <utility>

#include "bindings/gil.h"
#include "bindings/hooks.h"
#include "bindings/module.h"
#include "launchpad/courier/inflow.h"

namespace lp::bindings {
namespace {

// Of what make_stream made: the same class always.
PyTypeObject* stream_type = nullptr;

// On the thread that the server made for it.
class Elements final : public wire::PayloadStream {
 public:
  Elements(PyObject* iterator, const EncodeOptions& options)
      : iterator_(share(iterator)), options_(options) {}

  ~Elements() override {
    const PythonEntry python;
    if (!python.ok()) return;
    static PyObject* const close = PyUnicode_InternFromString("close");
    PyObject* const iterator = iterator_.get();
    PyObject* const closed = staying([&] { return PyObject_CallMethodNoArgs(iterator, close); });
    if (closed == nullptr) PyErr_WriteUnraisable(iterator);
    Py_XDECREF(closed);
  }

  Result<std::optional<wire::Payload>> next() override {
    const PythonEntry python;
    if (!python.ok()) return Error(Code::kUnavailable, "the server's interpreter is ending");
    try {
      PyObject* const iterator = iterator_.get();
      const nb::object element = nb::steal(staying([&] { return PyIter_Next(iterator); }));
      if (!element.is_valid()) {
        if (PyErr_Occurred() != nullptr) throw nb::python_error();
        return std::optional<wire::Payload>();
      }
      wire::Payload payload = encode_result(element.ptr(), options_);
      payload.sole = true;
      return std::optional(std::move(payload));
    } catch (nb::python_error& error) {
      return describe(error.value());
    } catch (const std::exception& error) {
      return Error(Code::kInternal, error.what());
    }
  }

 private:
  SharedRef iterator_;
  const EncodeOptions options_;
};

// The client's end. `Stream` of launchpad.calls.stream is what users see of it.
class Source {
 public:
  Source(std::shared_ptr<courier::Inflow> inflow, std::shared_ptr<const void> owner)
      : owner_(std::move(owner)), inflow_(std::move(inflow)) {}

  nb::object next() {
    auto result = [&]() -> Result<std::optional<wire::Payload>> {
      // What is here need not wait for the GIL again.
      if (inflow_->ready()) return inflow_->next();
      const GilReleased released;
      return inflow_->next();
    }();
    if (PyErr_Occurred() != nullptr) throw nb::python_error();
    const auto payload = unwrap("call", std::move(result));
    if (!payload) throw nb::stop_iteration();
    return decode_result(*payload);
  }
  bool ready() const { return inflow_->ready(); }
  bool when_ready(const nb::object& given) {
    const SharedRef callback = share(given.ptr());
    const GilReleased released;
    // The channel's callbacks run with the GIL.
    return inflow_->when_ready([callback] {
      PyObject* const function = callback.get();
      PyObject* const result = staying([&] { return PyObject_CallNoArgs(function); });
      if (result == nullptr) PyErr_WriteUnraisable(function);
      Py_XDECREF(result);
    });
  }
  void close() {
    const GilReleased released;
    inflow_->cancel();
  }
  std::optional<double> patience() const {
    const auto& patience = inflow_->patience();
    if (!patience) return std::nullopt;
    return std::chrono::duration<double>(*patience).count();
  }
  void raise_too_late() const { raise("call", inflow_->too_late()); }

 private:
  std::shared_ptr<const void> owner_;
  std::shared_ptr<courier::Inflow> inflow_;  // Ends first, without waiting.
};

}  // namespace

bool is_stream(PyObject* result) {
  return PyGen_CheckExact(result) || (stream_type != nullptr && Py_TYPE(result) == stream_type);
}

std::shared_ptr<wire::PayloadStream> stream_of(PyObject* result, const EncodeOptions& options) {
  return std::make_shared<Elements>(result, options);
}

nb::object make_stream(std::shared_ptr<wire::PayloadStream> stream,
                       std::shared_ptr<const void> owner) {
  // Channels make no others.
  auto* const source =
      new Source(std::static_pointer_cast<courier::Inflow>(std::move(stream)), std::move(owner));
  const nb::object made =
      nb::borrow(hooks().make_stream)(nb::cast(source, nb::rv_policy::take_ownership));
  stream_type = Py_TYPE(made.ptr());
  return made;
}

void bind_stream(nb::module_& m) {
  nb::class_<Source>(m, "StreamSource", "A client's end of a stream, for launchpad.calls.stream.")
      .def("next", &Source::next, "Waits for the next result; raises StopIteration at the end.")
      .def("ready", &Source::ready, "Whether next() need not wait.")
      .def("when_ready", &Source::when_ready, nb::arg("callback"),
           "Calls back once, on another thread, when ready(); false: it is, nothing is called.")
      .def("close", &Source::close, "No more results; the method ends where it is.")
      .def("raise_too_late", &Source::raise_too_late, "Raises that a wait took too long.")
      .def_prop_ro("patience", &Source::patience,
                   "How long next() waits at most, in seconds; None: for ever.");
}

}  // namespace lp::bindings
