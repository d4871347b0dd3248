// One frame as a string of bytes, for files: what a launcher leaves for a worker to read. Pure.
#pragma once

#include <string>
#include <string_view>

#include "launchpad/wire/frame.h"

namespace lp::wire {

std::string frame_to_bytes(std::string_view method, const Payload& payload);

// INVALID_ARGUMENT if these bytes are not exactly one frame.
Result<Frame> frame_from_bytes(std::string_view bytes);

}  // namespace lp::wire
