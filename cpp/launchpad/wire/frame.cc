#include "launchpad/wire/frame.h"

#include <bit>
#include <cstring>

namespace lp::wire {
namespace {

constexpr uint8_t kPackedBit = 0x80;  // Of the byte that tells the encoding.

template <class T>
void put(char*& out, T value) {
  static_assert(std::endian::native == std::endian::little,
                "a big-endian machine needs byte swaps here");
  std::memcpy(out, &value, sizeof(value));
  out += sizeof(value);
}

template <class T>
T get(const std::byte*& in) {
  T value;
  std::memcpy(&value, in, sizeof(value));
  in += sizeof(value);
  return value;
}

bool known(const FrameHeader& header) {
  return header.type >= FrameType::kHello && header.type <= FrameType::kForget &&
         header.encoding <= Encoding::kPickle;
}

}  // namespace

Error frame_too_large(const char* what, uint64_t size, uint64_t limit) {
  return Error(Code::kResourceExhausted, std::string("a message's ") + what + " is " +
                                             std::to_string(size) + ", the limit is " +
                                             std::to_string(limit));
}

Error stream_cannot_be_sent() {
  return Error(Code::kInvalidArgument,
               "a stream can only be a method's result: pass a client, or a list");
}

void write_frame_head(char* out, FrameType type, uint64_t id, uint64_t argument,
                      std::string_view method, const Payload& payload, const uint64_t* entries) {
  put<uint32_t>(out, kFrameMagic);
  put<uint8_t>(out, static_cast<uint8_t>(type));
  put<uint8_t>(out, static_cast<uint8_t>(static_cast<uint8_t>(payload.encoding) |
                                         (payload.packed ? kPackedBit : 0)));
  put<uint16_t>(out, static_cast<uint16_t>(method.size()));
  put<uint32_t>(out, static_cast<uint32_t>(payload.buffers.size()));
  put<uint32_t>(out, static_cast<uint32_t>(payload.body.size()));
  put<uint64_t>(out, id);
  put<uint64_t>(out, argument);
  if (!method.empty()) std::memcpy(out, method.data(), method.size());
  out += method.size();
  for (size_t i = 0; i < payload.buffers.size(); ++i)
    put<uint64_t>(out, entries != nullptr ? entries[i] : payload.buffers[i].size());
  std::memcpy(out, payload.body.data(), payload.body.size());
}

std::string frame_head(FrameType type, uint64_t id, uint64_t argument, std::string_view method,
                       const Payload& payload) {
  std::string bytes(frame_head_bytes(method, payload), '\0');
  write_frame_head(bytes.data(), type, id, argument, method, payload);
  return bytes;
}

Status read_frame_header(const std::byte* bytes, const FrameLimits& limits, FrameHeader& header) {
  if (get<uint32_t>(bytes) != kFrameMagic)
    return Error(Code::kInvalidArgument, "these bytes are no courier frame");
  header.type = static_cast<FrameType>(get<uint8_t>(bytes));
  const auto how = get<uint8_t>(bytes);
  header.encoding = static_cast<Encoding>(how & ~kPackedBit);
  header.packed = (how & kPackedBit) != 0;
  header.method_size = get<uint16_t>(bytes);
  header.buffer_count = get<uint32_t>(bytes);
  header.body_size = get<uint32_t>(bytes);
  header.id = get<uint64_t>(bytes);
  header.argument = get<uint64_t>(bytes);
  if (!known(header)) return Error(Code::kInvalidArgument, "a courier frame of unknown type");
  if (header.method_size > limits.method_bytes)
    return frame_too_large("method name", header.method_size, limits.method_bytes);
  if (header.body_size > limits.body_bytes)
    return frame_too_large("body in bytes", header.body_size, limits.body_bytes);
  if (header.buffer_count > limits.buffers)
    return frame_too_large("number of buffers", header.buffer_count, limits.buffers);
  if (header.body_size > limits.total_bytes)
    return frame_too_large("size in bytes", header.body_size, limits.total_bytes);
  return {};
}

}  // namespace lp::wire
