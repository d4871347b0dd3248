// Compression of runs of bytes: lz4 (fast) and zstd (small). Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "launchpad/base/result.h"

namespace lp::wire {

enum class Compression : uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };

// Whether `number` is one of them.
bool is_compression(uint8_t number);

// Appends the compressed `bytes` to `out` if they take at most `limit` bytes there; otherwise `out`
// stays as it was, and the answer is false. kNone copies.
bool compress(Compression how, std::span<const std::byte> bytes, size_t limit, std::string& out);

// Fills `out` with what was compressed. DATA_LOSS: that is not `out.size()` bytes, or damaged.
Status decompress(Compression how, std::span<const std::byte> bytes, std::span<std::byte> out);

}  // namespace lp::wire
