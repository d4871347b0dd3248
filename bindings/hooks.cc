#include "bindings/hooks.h"

#include <nanobind/stl/string.h>

#include "bindings/gil.h"
#include "launchpad/courier/serve.h"

namespace lp::bindings {

Hooks& hooks() {
  static Hooks hooks;
  return hooks;
}

nb::object make_exception(std::string_view domain, const Error& error) {
  const auto text = [](std::string_view s) {
    return nb::steal(PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "replace"));
  };
  if (hooks().make_error == nullptr)
    return nb::steal(
        PyObject_CallFunctionObjArgs(PyExc_RuntimeError, text(error.message).ptr(), nullptr));
  return nb::borrow(hooks().make_error)(
      text(domain), static_cast<int>(error.code), text(error.message), text(error.remote_type),
      text(error.remote_trace), nb::bytes(error.remote_data.data(), error.remote_data.size()));
}

void raise(std::string_view domain, const Error& error) {
  const nb::object exception = make_exception(domain, error);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  throw nb::python_error();
}

Error describe(nb::handle exception, int interruptions) {
  Error error(Code::kUnknown, "a Python exception that could not be described");
  error.remote_type = "Exception";
  try {
    const nb::tuple parts = nb::cast<nb::tuple>(nb::borrow(hooks().describe_exception)(exception));
    error.code = static_cast<Code>(nb::cast<int>(parts[0]));
    error.message = nb::cast<std::string>(parts[1]);
    error.remote_type = nb::cast<std::string>(parts[2]);
    error.remote_trace = nb::cast<std::string>(parts[3]);
    const nb::bytes data = nb::cast<nb::bytes>(parts[4]);
    error.remote_data.assign(data.c_str(), data.size());
  } catch (const nb::python_error& failed) {
    // A signal's handler that says that the node shall stop, once: what is described comes first.
    const bool interrupted =
        failed.matches(PyExc_SystemExit) || failed.matches(PyExc_KeyboardInterrupt);
    if (interrupted && interruptions > 0) return describe(exception, interruptions - 1);
    error.remote_trace = failed.what();
  } catch (const std::exception& failed) {
    error.remote_trace = failed.what();
  }
  return error;
}

Error describe_current_exception() {
  try {
    throw;
  } catch (nb::python_error& failed) {
    const PythonEntry python;
    if (!python.ok()) return Error(Code::kCancelled, "the interpreter is ending");
    failed.restore();
    PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace != nullptr && value != nullptr) PyException_SetTraceback(value, trace);
    const Error error = describe(value);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return error;
  } catch (...) {
    return courier::describe_current_exception();
  }
}

void bind_hooks(nb::module_& m) {
  m.def(
      "set_hooks",
      [](nb::object make_error, nb::object describe_exception, nb::object make_future,
         nb::object make_client, nb::object client_parts, nb::object make_stream) {
        // Held for ever: the package sets them once.
        hooks() = {make_error.release().ptr(),   describe_exception.release().ptr(),
                   make_future.release().ptr(),  make_client.release().ptr(),
                   client_parts.release().ptr(), make_stream.release().ptr()};
      },
      nb::kw_only(), nb::arg("make_error"), nb::arg("describe_exception"), nb::arg("make_future"),
      nb::arg("make_client"), nb::arg("client_parts"), nb::arg("make_stream"),
      "Tells the extension how errors, futures and clients look.");
  m.def("close_python_entries", &close_python_entries, nb::arg("seconds"),
        "No thread of the extension enters Python any more; waits for those that are inside.");
}

}  // namespace lp::bindings
