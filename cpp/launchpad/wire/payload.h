// Payload is what a call or a reply carries: a small body and large buffers beside it. The body is either
// typed values (msgpack, any language) or a Python pickle (protocol 5, its buffers out of band). A value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launchpad/wire/buffer.h"

namespace lp::wire {

// msgpack extension types of typed values.
inline constexpr uint8_t kTensorExtension = 1;
inline constexpr uint8_t kTupleExtension = 2;

enum class Encoding : uint8_t { kTyped = 0, kPickle = 1 };

struct Payload {
  size_t bytes() const {
    size_t total = body.size();
    for (const Buffer& buffer : buffers) total += buffer.size();
    return total;
  }

  Encoding encoding = Encoding::kTyped;
  std::string body;
  std::vector<Buffer> buffers;
};

}  // namespace lp::wire
