// The fork server of a launch: both ends of it.
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/fork.h"
#include "bindings/gil.h"
#include "bindings/hooks.h"
#include "bindings/module.h"
#include "launchpad/run/fork_point.h"

namespace lp::bindings {
namespace {

PyForkServer* start(std::vector<std::string> argv, std::map<std::string, std::string> command_env,
                    std::map<std::string, std::string> own_env,
                    std::vector<std::string> start_variables, bool counted_cpus) {
  launching::ForkServerOptions options;
  options.command = {std::move(argv), std::move(command_env), ""};
  options.env = std::move(own_env);
  options.start_variables = std::move(start_variables);
  options.counted_cpus = counted_cpus;
  auto server = [&] {
    const GilReleased released;
    return launching::ForkServer::start(options);
  }();
  return new PyForkServer{unwrap("local", std::move(server))};
}

// With the GIL, which this process's only thread keeps.
nb::object serve_forks() {
  const run::ForkHooks hooks{PyOS_BeforeFork, PyOS_AfterFork_Parent, PyOS_AfterFork_Child};
  const auto changes = unwrap("local", run::serve_forks(hooks));
  if (!changes) return nb::none();
  nb::list list;
  for (const auto& [name, value] : *changes) {
    nb::object text = nb::none();
    if (value) text = nb::bytes(value->data(), value->size());
    list.append(nb::make_tuple(nb::bytes(name.data(), name.size()), text));
  }
  return list;
}

}  // namespace

void bind_fork(nb::module_& m) {
  nb::class_<PyForkServer>(m, "ForkServer",
                           "A warmed process that forks for the nodes of one command.")
      .def(nb::new_(&start), nb::arg("argv"), nb::arg("command_env"), nb::arg("own_env"),
           nb::arg("start_variables"), nb::arg("counted_cpus"))
      .def(
          "close", [](PyForkServer& self) { self.server->close(); }, nb::call_guard<GilReleased>(),
          "Ends the warmed process; its forks go on.")
      .def_prop_ro("pid", [](const PyForkServer& self) { return self.server->pid(); });
  m.def("is_fork_server", &run::is_fork_server_process,
        "Whether this process was started to be forked.");
  m.def("serve_forks", &serve_forks,
        "Forks for the launcher until it wants no more: None. In each fork: what changed in its "
        "environment, as pairs of bytes; None as a value: removed. RuntimeError: this process has "
        "several threads.");
}

}  // namespace lp::bindings
