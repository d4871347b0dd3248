// Frames: how messages follow each other on a connection. A fixed header of 32 bytes (little
// endian), then the method's name, the sizes of the buffers (8 bytes each), the body, the buffers.
// Pure values, no I/O.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "launchpad/base/result.h"
#include "launchpad/wire/payload.h"

namespace lp::wire {

inline constexpr uint32_t kFrameMagic = 0x3143504c;  // "LPC1"
inline constexpr size_t kHeaderBytes = 32;

enum class FrameType : uint8_t {
  kHello = 1,    // client -> server, first: who I am. Body: typed values.
  kWelcome = 2,  // server -> client: who I am.
  kCall = 3,
  kReply = 4,
  kError = 5,   // A reply that is an error; `argument` is its Code. Body: typed values.
  kCancel = 6,  // client -> server: nobody waits for call `id`, or takes from its stream, any more.
  kBye = 7,     // server -> client: I stop; calls without a reply were not and will not be run.
  // Shared memory, in both directions.
  kLend = 8,  // Slot `id` stands for the segment of `argument` bytes whose descriptor comes along.
  kReturn = 9,   // Body: u32 slots, once per buffer that is not used any more (see kTaintedSlot).
  kForget = 10,  // Slot `id` stands for nothing any more.
};

// The `argument` of a kReply: results are asked for one after the other, under the call's id.
inline constexpr uint64_t kStreamFollows = 1;

// A buffer's entry in the head of a frame is its size, and its bytes follow the body; or it is this
// word, and its bytes are the first of a lent segment.
struct SharedWord {
  static constexpr uint64_t kShared = uint64_t{1} << 63;
  static constexpr uint64_t kGiven = uint64_t{1} << 62;  // The receiver alone uses it from now on.
  static constexpr int kSizeBits = 37;
  static constexpr uint32_t kMaxSlot = (1 << 25) - 1;

  uint64_t encode() const {
    return kShared | (given ? kGiven : 0) | uint64_t{slot} << kSizeBits | size;
  }
  static SharedWord decode(uint64_t word) {
    return {static_cast<uint32_t>(word >> kSizeBits) & kMaxSlot,
            word & ((uint64_t{1} << kSizeBits) - 1), (word & kGiven) != 0};
  }

  uint32_t slot = 0;
  uint64_t size = 0;
  bool given = false;
};
// In a kReturn: somebody out of sight may still read the memory.
inline constexpr uint32_t kTaintedSlot = uint32_t{1} << 31;

// What one frame may be. A frame beyond them ends the connection with RESOURCE_EXHAUSTED.
struct FrameLimits {
  uint64_t body_bytes = uint64_t{1} << 31;
  uint64_t total_bytes = uint64_t{1} << 36;
  uint32_t buffers = 1 << 16;
  uint32_t method_bytes = 1024;
};

struct Frame {
  FrameType type = FrameType::kCall;
  uint64_t id = 0;
  // kCall: nanoseconds until the deadline (0: none). kReply: 0, or kStreamFollows. kError: the
  // Code.
  uint64_t argument = 0;
  std::string method;
  Payload payload;
};

struct FrameHeader {
  FrameType type = FrameType::kCall;
  Encoding encoding = Encoding::kTyped;
  bool packed = false;
  uint16_t method_size = 0;
  uint32_t buffer_count = 0;
  uint32_t body_size = 0;
  uint64_t id = 0;
  uint64_t argument = 0;
};

// Everything of a frame but its buffers is its head: header, method, the buffers' entries, body.
inline size_t frame_head_bytes(std::string_view method, const Payload& payload) {
  return kHeaderBytes + method.size() + sizeof(uint64_t) * payload.buffers.size() +
         payload.body.size();
}
// Writes so many bytes to `out`. `entries`: one per buffer; null: all are sizes.
void write_frame_head(char* out, FrameType type, uint64_t id, uint64_t argument,
                      std::string_view method, const Payload& payload,
                      const uint64_t* entries = nullptr);
std::string frame_head(FrameType type, uint64_t id, uint64_t argument, std::string_view method,
                       const Payload& payload);

// Reads the header in these kHeaderBytes bytes. INVALID_ARGUMENT: they are none;
// RESOURCE_EXHAUSTED: one beyond the limits.
Status read_frame_header(const std::byte* bytes, const FrameLimits& limits, FrameHeader& header);

// What check_frame gives for what does not fit.
Error stream_cannot_be_sent();
Error frame_too_large(const char* what, uint64_t size, uint64_t limit);

// INVALID_ARGUMENT or RESOURCE_EXHAUSTED when such a message would not be taken by a peer with
// these limits. Whatever these say, the header has 16 bits for the method and 32 for the body.
inline Status check_frame(std::string_view method, const Payload& payload,
                          const FrameLimits& limits) {
  if (payload.stream != nullptr) return stream_cannot_be_sent();
  const auto method_bytes = std::min<uint64_t>(limits.method_bytes, UINT16_MAX);
  const auto body_bytes = std::min<uint64_t>(limits.body_bytes, UINT32_MAX);
  if (method.size() > method_bytes)
    return frame_too_large("method name", method.size(), method_bytes);
  if (payload.body.size() > body_bytes)
    return frame_too_large("body in bytes", payload.body.size(), body_bytes);
  if (payload.buffers.size() > limits.buffers)
    return frame_too_large("number of buffers", payload.buffers.size(), limits.buffers);
  if (payload.bytes() > limits.total_bytes)
    return frame_too_large("size in bytes", payload.bytes(), limits.total_bytes);
  return {};
}

}  // namespace lp::wire
