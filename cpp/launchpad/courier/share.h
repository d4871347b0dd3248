// How a payload travels: large buffers in shared memory to a process of this host, compressed to
// another one if that was asked for. Any thread.
#pragma once

#include "launchpad/wire/payload.h"

namespace lp::courier {

// `payload` itself if none of its large buffers lie outside of shared memory; else `storage`, which
// becomes the same with copies of those that do. Buffers for which there is no shared memory stay
// where they are. Takes the time of a copy: not with a lock held.
const wire::Payload& in_shared_memory(const wire::Payload& payload, wire::Payload& storage);

// `payload` as it is put into a frame, in `storage` if it has to be another. The same costs.
const wire::Payload& as_sent(const wire::Payload& payload, wire::Payload& storage, bool shares,
                             bool packs);

}  // namespace lp::courier
