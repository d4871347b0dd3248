// Seeds for tests and jitter: LP_SEED if set, else random; a test prints the one it used. Values;
// any thread.
#pragma once

#include <cstdint>
#include <random>

namespace lp::base {

using Rng = std::mt19937_64;

// LP_SEED from the environment, or a random one.
uint64_t fresh_seed();

}  // namespace lp::base
