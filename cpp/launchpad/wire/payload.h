// Payload is what a call or a reply carries: a small body and large buffers beside it. The body is
// either typed values (msgpack, any language) or a Python pickle (protocol 5, its buffers out of
// band). A value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "launchpad/base/recycled.h"
#include "launchpad/wire/buffer.h"

namespace lp::wire {

// msgpack extension types of typed values.
inline constexpr uint8_t kTensorExtension = 1;
inline constexpr uint8_t kTupleExtension = 2;
inline constexpr uint8_t kClientExtension = 3;

// How a client travels: as what the receiver needs to make one of its own.
struct ClientRef {
  std::string address;
  std::string server_name;
  bool prebound = false;  // The server was made to listen before anybody could call it.
  bool operator==(const ClientRef&) const = default;
};

class PayloadStream;

enum class Encoding : uint8_t { kTyped = 0, kPickle = 1 };

// Bytes of a payload, in memory that threads keep: most are short, and each call has two.
using Body = std::basic_string<char, std::char_traits<char>, base::RecycledText<char>>;

struct Payload {
  size_t bytes() const {
    size_t total = body.size();
    for (const Buffer& buffer : buffers) total += buffer.size();
    return total;
  }

  Encoding encoding = Encoding::kTyped;
  bool sole = false;    // Goes to one receiver: transient buffers can become its own.
  bool packed = false;  // The body holds all of it, compressed: see packing.h.
  Body body;
  std::vector<Buffer> buffers;
  // Of an answer: its results come one by one, and the rest of this says nothing.
  std::shared_ptr<PayloadStream> stream{};
};

}  // namespace lp::wire
