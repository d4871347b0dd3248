// ForkServer as Python holds it: the launcher's own share of one, since whoever drops a share that
// is Python's must enter Python. With the GIL.
#pragma once

#include <memory>

#include "launchpad/launch/fork_server.h"

namespace lp::bindings {

struct PyForkServer {
  std::shared_ptr<launching::ForkServer> server;
};

}  // namespace lp::bindings
