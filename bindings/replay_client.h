// The ways of a Python client to its replay server: one for calls, which wait for a server that is
// not there (yet), and one for writers and samplers, which see to that themselves. Values.
#pragma once

#include "launchpad/replay/client.h"

namespace lp::bindings {

struct PyReplayClient {
  replay::Client calls;
  replay::Client streams;
};

}  // namespace lp::bindings
