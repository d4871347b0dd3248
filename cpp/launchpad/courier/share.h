// How large buffers come into shared memory on their way to a process of this host. Any thread.
#pragma once

#include "launchpad/wire/payload.h"

namespace lp::courier {

// `payload` itself if none of its large buffers lie outside of shared memory; else `storage`, which
// becomes the same with copies of those that do. Buffers for which there is no shared memory stay
// where they are. Takes the time of a copy: not with a lock held.
const wire::Payload& in_shared_memory(const wire::Payload& payload, wire::Payload& storage);

}  // namespace lp::courier
