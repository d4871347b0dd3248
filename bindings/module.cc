// launchpad._core: what the Python package uses of the C++ system.
#include "bindings/module.h"

#include "bindings/buffer_object.h"

NB_MODULE(_core, m) {
  using namespace lp::bindings;
  // Nodes outlive the interpreter's teardown on purpose.
  nb::set_leak_warnings(false);
  m.doc() = "The C++ system behind launchpad: graph, courier, launchers. Private.";
  if (!add_buffer_type(m.ptr())) throw nb::python_error();
  bind_hooks(m);
  bind_arrays(m);
  bind_token(m);  // Before whoever is given one.
  bind_client(m);
  bind_batching(m);
  bind_server(m);
  bind_stream(m);
  bind_graph(m);
  bind_inner(m);
  bind_fork(m);  // Before launch, which is given one.
  bind_run(m);
  bind_frames(m);
  bind_replay_nest(m);
  bind_replay_table(m);
  bind_replay_server(m);
  bind_replay_client(m);
  bind_replay_writer(m);
  bind_replay_sampler(m);
}
