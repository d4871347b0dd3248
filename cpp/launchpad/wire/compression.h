// Compression of runs of bytes: lz4 (fast) and zstd (small). Pure; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "launchpad/base/result.h"

namespace lp::wire {

enum class Compression : uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };

// Whether `number` is one of them.
bool is_compression(uint8_t number);

// The most that `size` bytes become: more room is never used. 0: they are too many.
size_t most_compressed(Compression how, size_t size);

// Writes the compressed `bytes` to `out` and says how many they are, or nothing: they do not fit.
// kNone copies.
std::optional<size_t> compress(Compression how, std::span<const std::byte> bytes,
                               std::span<char> out);

// Appends the compressed `bytes` to `out`, a string of any kind, if they take at most `limit` bytes
// there; otherwise `out` stays as it was, and the answer is false.
template <class Text>
bool compress(Compression how, std::span<const std::byte> bytes, size_t limit, Text& out) {
  const size_t before = out.size();
  out.resize(before + std::min(limit, most_compressed(how, bytes.size())));
  const auto size = compress(how, bytes, std::span(out).subspan(before));
  out.resize(before + size.value_or(0));
  return size.has_value();
}

// Fills `out` with what was compressed. DATA_LOSS: that is not `out.size()` bytes, or damaged.
Status decompress(Compression how, std::span<const std::byte> bytes, std::span<std::byte> out);

}  // namespace lp::wire
