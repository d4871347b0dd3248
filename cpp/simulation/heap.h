// How many pieces of memory the program has from `new` and not given back. Any thread.
#pragma once

#include <cstdint>

namespace lp::simulation {

int64_t pieces_of_memory();

}  // namespace lp::simulation
