// What a node needs that runs other nodes as processes of its own: their assignments, the control
// messages that a launcher would exchange with them, and what becomes of their output.
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <fcntl.h>

#include "bindings/gil.h"
#include "bindings/hooks.h"
#include "bindings/module.h"
#include "launchpad/launch/output.h"
#include "launchpad/run/context.h"
#include "launchpad/run/control.h"
#include "launchpad/run/roster.h"

namespace lp::bindings {
namespace {

std::string inner_assignment(int control, int token, std::map<int, int> listening) {
  const auto context = run::current_context();
  constexpr std::string_view kUnix = "unix:";
  if (context == nullptr || !context->address_prefix.starts_with(kUnix))
    throw nb::value_error("this node is no process of a program");
  run::Assignment assignment;
  assignment.control = control;
  assignment.token = token;
  assignment.task = static_cast<size_t>(context->task);
  assignment.inner = std::move(listening);
  assignment.run_dir = context->address_prefix.substr(kUnix.size());
  assignment.run_dir.pop_back();  // The slash.
  return assignment.encode();
}

std::pair<std::string, nb::object> decode_control(const nb::bytes& packet) {
  const run::ControlMessage message =
      unwrap("local", run::decode_control(std::string_view(packet.c_str(), packet.size())));
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

// Output with pipes that outlive the processes that print, as those are started again.
class PyOutput {
 public:
  // The writing end for a process's standard output, or error; open until `finish`.
  int add(const std::string& name, bool is_error) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      raise("local", Error(Code::kResourceExhausted, "too many open files"));
    output_.add(base::Fd(ends[0]), is_error, name, count_++ / 2);
    return writing_.emplace_back(ends[1]).get();
  }
  void start() { output_.start(); }
  void finish() {
    const GilReleased released;
    writing_.clear();
    output_.finish();
  }

 private:
  launching::Output output_;
  size_t count_ = 0;
  std::vector<base::Fd> writing_;
};

}  // namespace

void bind_inner(nb::module_& m) {
  nb::class_<PyOutput>(m, "Output",
                       "Prints what processes print, each line behind its process's name.")
      .def(nb::init<>())
      .def("add", &PyOutput::add, nb::arg("name"), nb::arg("is_error"),
           "A descriptor for a process to print to. Before start; open until finish.")
      .def("start", &PyOutput::start)
      .def("finish", &PyOutput::finish, "Prints what is left. All processes have ended.");
  m.def("inner_assignment", &inner_assignment, nb::arg("control"), nb::arg("token"),
        nb::arg("listening"),
        "LAUNCHPAD_WORKER for a process of the current node's that runs a node inside of it.");
  m.def("decode_control", &decode_control, nb::arg("packet"),
        "What such a process said, and the exception if it failed.");
  m.def("encode_stop", &encode_stop, "What tells such a process to stop.");
}

}  // namespace lp::bindings
