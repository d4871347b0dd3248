// Schedule is one short life of a server and a few clients in the simulated world, all of it drawn
// from a seed: their transport and options, the calls, the network's weather, the server's stops.
// Client and server are courier's own Channels, Retriers and Servers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lp::simulation {

struct Outcome {
  std::vector<std::string> complaints;  // None: all is well.
  uint64_t trace = 0;                   // Equal for equal runs.
  uint64_t steps = 0;
  uint64_t calls = 0;
  uint64_t unavailable = 0;
};

// Not from a thread of the simulated world.
Outcome run_schedule(uint64_t seed);

}  // namespace lp::simulation
