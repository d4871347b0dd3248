// The parts of the extension module launchpad._core, one file each.
#pragma once

#include <nanobind/nanobind.h>

#include "launchpad/graph/plan.h"

namespace lp::bindings {

namespace nb = nanobind;

void bind_arrays(nb::module_& m);
void bind_hooks(nb::module_& m);
void bind_batching(nb::module_& m);
void bind_client(nb::module_& m);
void bind_server(nb::module_& m);
void bind_stream(nb::module_& m);
void bind_token(nb::module_& m);
void bind_fork(nb::module_& m);
void bind_graph(nb::module_& m);
void bind_inner(nb::module_& m);
void bind_run(nb::module_& m);
void bind_frames(nb::module_& m);
void bind_replay_nest(nb::module_& m);
void bind_replay_table(nb::module_& m);
void bind_replay_server(nb::module_& m);
void bind_replay_client(nb::module_& m);
void bind_replay_writer(nb::module_& m);
void bind_replay_sampler(nb::module_& m);

// The checked plan of a bound Program; raises what is wrong with it.
graph::Plan plan_of(nb::handle program);

}  // namespace lp::bindings
