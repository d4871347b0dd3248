// The whole of Launchpad's C++ API: draw a Program of nodes, give handles to other nodes, launch
// it. See docs/ and examples/cpp. Everything public is in namespace lp.
#pragma once

#include "launchpad/courier/client.h"        // IWYU pragma: export
#include "launchpad/courier/client_codec.h"  // IWYU pragma: export
#include "launchpad/courier/gather.h"        // IWYU pragma: export
#include "launchpad/courier/generator.h"     // IWYU pragma: export
#include "launchpad/courier/retry.h"         // IWYU pragma: export
#include "launchpad/courier/serve.h"         // IWYU pragma: export
#include "launchpad/courier/server.h"        // IWYU pragma: export
#include "launchpad/courier/task.h"          // IWYU pragma: export
#include "launchpad/graph/cacher_node.h"     // IWYU pragma: export
#include "launchpad/graph/check.h"           // IWYU pragma: export
#include "launchpad/graph/colocation.h"      // IWYU pragma: export
#include "launchpad/graph/courier_node.h"    // IWYU pragma: export
#include "launchpad/graph/draw.h"            // IWYU pragma: export
#include "launchpad/graph/exports.h"         // IWYU pragma: export
#include "launchpad/graph/function_node.h"   // IWYU pragma: export
#include "launchpad/graph/program.h"         // IWYU pragma: export
#include "launchpad/graph/python_node.h"     // IWYU pragma: export
#include "launchpad/launch/main.h"           // IWYU pragma: export
#include "launchpad/replay/replay_node.h"    // IWYU pragma: export
#include "launchpad/replay/typed.h"          // IWYU pragma: export
#include "launchpad/wire/codec.h"            // IWYU pragma: export
