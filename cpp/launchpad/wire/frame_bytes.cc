#include "launchpad/wire/frame_bytes.h"

#include <algorithm>
#include <cstring>

#include "launchpad/wire/frame_reader.h"

namespace lp::wire {

std::string frame_to_bytes(std::string_view method, const Payload& payload) {
  std::string bytes = frame_head(FrameType::kCall, 0, 0, method, payload);
  for (const Buffer& buffer : payload.buffers) {
    bytes.append(reinterpret_cast<const char*>(buffer.data()), buffer.size());
  }
  return bytes;
}

Result<Frame> frame_from_bytes(std::string_view bytes) {
  FrameReader reader;
  while (!bytes.empty()) {
    const std::span<std::byte> space = reader.space();
    const size_t size = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), size);
    reader.commit(size);
    bytes.remove_prefix(size);
    Frame frame;
    const FrameReader::Next next = reader.next(frame);
    if (next == FrameReader::Next::kBroken) return reader.why();
    const bool complete = next == FrameReader::Next::kFrame;
    if (complete && bytes.empty() && reader.idle()) return frame;
    if (complete) break;
  }
  return Error(Code::kInvalidArgument, "the file does not hold exactly one frame");
}

}  // namespace lp::wire
