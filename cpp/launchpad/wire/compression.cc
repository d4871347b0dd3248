#include "launchpad/wire/compression.h"

#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace lp::wire {
namespace {

constexpr int kZstdLevel = 1;  // Beyond it, time grows faster than bytes shrink.

// The most that `size` bytes become: more room is never used.
size_t most(Compression how, size_t size) {
  if (how == Compression::kNone) return size;
  if (how == Compression::kZstd) return ZSTD_compressBound(size);
  return size > LZ4_MAX_INPUT_SIZE ? 0 : static_cast<size_t>(LZ4_COMPRESSBOUND(size));
}

// What was written to `out`, of `room` bytes; 0: it did not fit.
size_t pack(Compression how, std::span<const std::byte> bytes, char* out, size_t room) {
  const char* in = reinterpret_cast<const char*>(bytes.data());
  if (how == Compression::kNone) {
    if (bytes.size() > room) return 0;
    if (!bytes.empty()) std::memcpy(out, in, bytes.size());
    return bytes.size();
  }
  if (how == Compression::kLz4) {
    if (bytes.size() > LZ4_MAX_INPUT_SIZE) return 0;
    return static_cast<size_t>(
        LZ4_compress_default(in, out, static_cast<int>(bytes.size()), static_cast<int>(room)));
  }
  const size_t size = ZSTD_compress(out, room, in, bytes.size(), kZstdLevel);
  return ZSTD_isError(size) ? 0 : size;
}

}  // namespace

bool is_compression(uint8_t number) { return number <= static_cast<uint8_t>(Compression::kZstd); }

bool compress(Compression how, std::span<const std::byte> bytes, size_t limit, std::string& out) {
  const size_t before = out.size();
  limit = std::min(limit, most(how, bytes.size()));
  out.resize(before + limit);
  const size_t size = pack(how, bytes, out.data() + before, limit);
  const bool fits = size > 0 || (how == Compression::kNone && bytes.empty());
  out.resize(before + size);
  return fits;
}

Status decompress(Compression how, std::span<const std::byte> bytes, std::span<std::byte> out) {
  const char* in = reinterpret_cast<const char*>(bytes.data());
  char* target = reinterpret_cast<char*>(out.data());
  bool whole = false;
  if (how == Compression::kNone) {
    whole = bytes.size() == out.size();
    if (whole && !out.empty()) std::memcpy(target, in, out.size());
  } else if (how == Compression::kLz4) {
    whole = bytes.size() <= INT_MAX && out.size() <= INT_MAX &&
            LZ4_decompress_safe(in, target, static_cast<int>(bytes.size()),
                                static_cast<int>(out.size())) == static_cast<int>(out.size());
  } else {
    const size_t size = ZSTD_decompress(target, out.size(), in, bytes.size());
    whole = !ZSTD_isError(size) && size == out.size();
  }
  if (whole) return {};
  return Error(Code::kDataLoss, "compressed data is damaged: it does not give the " +
                                    std::to_string(out.size()) + " bytes that it should");
}

}  // namespace lp::wire
