// pack_call and unpack_call: a call's target and arguments as bytes, for nodes of the other
// language.
#include <nanobind/stl/string.h>

#include "bindings/hooks.h"
#include "bindings/module.h"
#include "bindings/values.h"
#include "launchpad/wire/frame_bytes.h"

namespace lp::bindings {
namespace {

nb::bytes pack_call(const std::string& target, const nb::tuple& args, const nb::dict& kwargs) {
  const wire::Payload payload =
      encode_call(args.ptr(), kwargs.ptr(), {.typed_only = true, .snapshot = false});
  const std::string bytes = wire::frame_to_bytes(target, payload);
  return nb::bytes(bytes.data(), bytes.size());
}

nb::tuple unpack_call(const nb::bytes& data) {
  const wire::Frame frame = unwrap("local", wire::frame_from_bytes({data.c_str(), data.size()}));
  auto [args, kwargs] = decode_call(frame.payload);
  return nb::make_tuple(frame.method, args, kwargs.is_valid() ? kwargs : nb::object(nb::dict()));
}

}  // namespace

void bind_frames(nb::module_& m) {
  m.def("pack_call", &pack_call, nb::arg("target"), nb::arg("args"), nb::arg("kwargs"),
        "Typed arguments for a node of another language. TypeError: what cannot travel.");
  m.def("unpack_call", &unpack_call, nb::arg("data"),
        "The (target, args, kwargs) of pack_call's bytes.");
}

}  // namespace lp::bindings
