#include "launchpad/base/rng.h"

#include <cstdlib>

namespace lp::base {

uint64_t fresh_seed() {
  if (const char* seed = std::getenv("LP_SEED")) return std::strtoull(seed, nullptr, 10);
  return unique_seed();
}

uint64_t unique_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace lp::base
