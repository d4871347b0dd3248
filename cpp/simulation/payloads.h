// What travels in the simulated world: payloads that carry a number, and show that they are whole.
#pragma once

#include <cstdint>
#include <optional>

#include "launchpad/wire/payload.h"

namespace lp::simulation {

// The least that a body has.
inline constexpr uint64_t kLeastBytes = 16;

// A body of `bytes`, at least kLeastBytes, and one buffer if `buffer_bytes` is not 0.
wire::Payload make_payload(uint64_t number, uint64_t bytes, uint64_t buffer_bytes);
// The number in it, if all of it is as it was made.
std::optional<uint64_t> number_in(const wire::Payload& payload);

}  // namespace lp::simulation
