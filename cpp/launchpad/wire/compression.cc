#include "launchpad/wire/compression.h"

#include <lz4.h>
#include <zstd.h>

#include <climits>
#include <cstring>
#include <string>

namespace lp::wire {
namespace {

constexpr int kZstdLevel = 1;  // Beyond it, time grows faster than bytes shrink.

}  // namespace

bool is_compression(uint8_t number) { return number <= static_cast<uint8_t>(Compression::kZstd); }

size_t most_compressed(Compression how, size_t size) {
  if (how == Compression::kNone) return size;
  if (how == Compression::kZstd) return ZSTD_compressBound(size);
  return size > LZ4_MAX_INPUT_SIZE ? 0 : static_cast<size_t>(LZ4_COMPRESSBOUND(size));
}

std::optional<size_t> compress(Compression how, std::span<const std::byte> bytes,
                               std::span<char> out) {
  const char* in = reinterpret_cast<const char*>(bytes.data());
  if (how == Compression::kNone) {
    if (bytes.size() > out.size()) return std::nullopt;
    if (!bytes.empty()) std::memcpy(out.data(), in, bytes.size());
    return bytes.size();
  }
  if (how == Compression::kLz4) {
    if (bytes.size() > LZ4_MAX_INPUT_SIZE) return std::nullopt;
    const int size = LZ4_compress_default(in, out.data(), static_cast<int>(bytes.size()),
                                          static_cast<int>(out.size()));
    return size > 0 ? std::optional<size_t>(size) : std::nullopt;
  }
  const size_t size = ZSTD_compress(out.data(), out.size(), in, bytes.size(), kZstdLevel);
  return ZSTD_isError(size) ? std::nullopt : std::optional<size_t>(size);
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
