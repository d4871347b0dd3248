// Packing: a payload's body and buffers, compressed together, for connections on which bytes cost
// more than computing. Pure; any thread.
#pragma once

#include "launchpad/wire/frame.h"

namespace lp::wire {

// Smaller payloads travel as they are.
inline constexpr size_t kPackFrom = 1024;

// `storage`, which becomes `payload` packed; or `payload` itself where that does not save an eighth
// of it. A sample of a large payload is tried first. Takes the time of a copy at least.
const Payload& packed(const Payload& payload, Payload& storage);

// Makes a packed payload what it was. RESOURCE_EXHAUSTED beyond the limits, before memory is taken;
// DATA_LOSS for what is damaged.
Status unpack(Payload& payload, const FrameLimits& limits);

}  // namespace lp::wire
