// Seeds: those for tests and jitter are LP_SEED if it is set, else random; a test prints the one it
// used. Keys and names that must differ between processes have a seed of their own. Values; any
// thread.
#pragma once

#include <cstdint>
#include <random>

namespace lp::base {

using Rng = std::mt19937_64;

// LP_SEED from the environment, or a random one.
uint64_t fresh_seed();

// A random one, whatever LP_SEED is: for what no two processes may choose alike.
uint64_t unique_seed();

}  // namespace lp::base
