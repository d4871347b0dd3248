// How a payload travels: large buffers in shared memory to a process of this host, compressed to
// another one if that was asked for. Any thread.
#pragma once

#include <optional>

#include "launchpad/wire/payload.h"

namespace lp::courier {

// as_sent() of what is not simply sent as it is.
const wire::Payload& moved_or_packed(const wire::Payload& payload,
                                     std::optional<wire::Payload>& storage, bool shares,
                                     bool packs);

// `payload` as it is put into a frame, or `storage` if that has to be another: to a process that
// shares this one's memory, with copies of the large buffers that lie outside of shared memory,
// where there is some; else compressed, if it packs. Takes the time of a copy: not with a lock
// held.
inline const wire::Payload& as_sent(const wire::Payload& payload,
                                    std::optional<wire::Payload>& storage, bool shares,
                                    bool packs) {
  const bool looks = shares ? !payload.buffers.empty() : packs;
  return looks ? moved_or_packed(payload, storage, shares, packs) : payload;
}

}  // namespace lp::courier
