// What a node needs that runs other nodes as processes of its own: their assignments, and the
// control messages that a launcher would exchange with them.
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include "bindings/hooks.h"
#include "bindings/module.h"
#include "launchpad/run/context.h"
#include "launchpad/run/control.h"
#include "launchpad/run/roster.h"

namespace lp::bindings {
namespace {

std::string inner_assignment(int control, std::map<int, int> listening) {
  const auto context = run::current_context();
  constexpr std::string_view kUnix = "unix:";
  if (context == nullptr || !context->address_prefix.starts_with(kUnix))
    throw nb::value_error("this node is no process of a program");
  run::Assignment assignment;
  assignment.control = control;
  assignment.task = static_cast<size_t>(context->task);
  assignment.inner = std::move(listening);
  assignment.run_dir = context->address_prefix.substr(kUnix.size());
  assignment.run_dir.pop_back();  // The slash.
  return assignment.encode();
}

std::pair<std::string, nb::object> decode_control(const nb::bytes& packet) {
  const run::ControlMessage message =
      unwrap("local", run::decode_control(std::string(packet.c_str(), packet.size())));
  switch (message.kind) {
    case run::ControlKind::kStop:
      return {"stop", nb::none()};
    case run::ControlKind::kStopRequested:
      return {"stop_requested", nb::none()};
    case run::ControlKind::kFailed:
      return {"failed", make_exception("node", message.error)};
  }
  return {"unknown", nb::none()};
}

nb::bytes encode_stop() {
  const std::string packet = run::encode_control({run::ControlKind::kStop});
  return nb::bytes(packet.data(), packet.size());
}

}  // namespace

void bind_inner(nb::module_& m) {
  m.def("inner_assignment", &inner_assignment, nb::arg("control"), nb::arg("listening"),
        "LAUNCHPAD_WORKER for a process of the current node's that runs a node inside of it.");
  m.def("decode_control", &decode_control, nb::arg("packet"),
        "What such a process said, and the exception if it failed.");
  m.def("encode_stop", &encode_stop, "What tells such a process to stop.");
}

}  // namespace lp::bindings
