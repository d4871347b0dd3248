#include "bindings/values.h"

#include "bindings/arrays.h"
#include "bindings/decode.h"
#include "bindings/encode.h"
#include "bindings/pickles.h"
#include "launchpad/courier/call.h"
#include "launchpad/wire/reader.h"
#include "launchpad/wire/writer.h"

namespace lp::bindings {
namespace {

[[noreturn]] void raise_python() { throw nb::python_error(); }

void check(Encoded encoded) {
  if (encoded != Encoded::kDone) raise_python();
}

Encoded encode_typed_call(PyObject* args, PyObject* kwargs, wire::Writer& writer,
                          const EncodeOptions& options) {
  const Py_ssize_t count = PyTuple_GET_SIZE(args);
  writer.begin_list(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Encoded encoded = encode_value(PyTuple_GET_ITEM(args, i), writer, options, 0);
    if (encoded != Encoded::kDone) return encoded;
  }
  if (kwargs == nullptr || PyDict_GET_SIZE(kwargs) == 0) return Encoded::kDone;
  return encode_value(kwargs, writer, options, 0);
}

}  // namespace

wire::Payload encode_call(PyObject* args, PyObject* kwargs, const EncodeOptions& options) {
  wire::Payload payload;
  wire::Writer writer(payload);
  const Encoded encoded = encode_typed_call(args, kwargs, writer, options);
  if (encoded == Encoded::kUnsupported && !options.typed_only) {
    payload = {};
    nb::object none_or_kwargs = kwargs == nullptr ? nb::none() : nb::borrow(kwargs);
    const nb::tuple both = nb::make_tuple(nb::handle(args), none_or_kwargs);
    pickle(both.ptr(), payload, options);
    return payload;
  }
  check(encoded);
  return payload;
}

std::pair<nb::tuple, nb::object> decode_call(const wire::Payload& payload) {
  if (payload.encoding == wire::Encoding::kPickle) {
    const nb::tuple both = nb::cast<nb::tuple>(unpickle(payload));
    nb::object kwargs = both[1];
    return {nb::cast<nb::tuple>(both[0]), kwargs.is_none() ? nb::object() : kwargs};
  }
  wire::Reader reader(payload);
  const size_t count = reader.list();
  nb::tuple args = nb::steal<nb::tuple>(PyTuple_New(static_cast<Py_ssize_t>(count)));
  for (size_t i = 0; i < count; ++i) {
    PyObject* value = decode_value(reader, 0);
    if (value == nullptr) raise_python();
    PyTuple_SET_ITEM(args.ptr(), static_cast<Py_ssize_t>(i), value);
  }
  nb::object kwargs;
  if (reader.ok() && !reader.at_end()) {
    kwargs = nb::steal(decode_value(reader, 0));
    if (!kwargs.is_valid()) raise_python();
  }
  if (!reader.ok()) {
    PyErr_SetString(PyExc_ValueError, reader.error()->message.c_str());
    raise_python();
  }
  return {std::move(args), std::move(kwargs)};
}

EncodeOptions result_options(const courier::Call& call) {
  return {.typed_only = call.caller_language() != "python",
          .snapshot = true,
          .share = call.caller_shares()};
}

wire::Payload encode_result(PyObject* value, const EncodeOptions& options) {
  wire::Payload payload;
  wire::Writer writer(payload);
  const Encoded encoded = encode_value(value, writer, options, 0);
  if (encoded == Encoded::kUnsupported && !options.typed_only) {
    payload = {};
    pickle(value, payload, options);
    return payload;
  }
  check(encoded);
  return payload;
}

nb::object decode_result(const wire::Payload& payload) {
  if (payload.encoding == wire::Encoding::kPickle) return unpickle(payload);
  wire::Reader reader(payload);
  nb::object value = nb::steal(decode_value(reader, 0));
  if (!value.is_valid()) raise_python();
  return value;
}

}  // namespace lp::bindings
