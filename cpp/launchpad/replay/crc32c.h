// CRC-32C (Castagnoli), as in RFC 3720, appendix B.4: tells damaged bytes in files. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace lp::replay {

uint32_t crc32c(std::span<const std::byte> bytes);
inline uint32_t crc32c(std::string_view bytes) { return crc32c(std::as_bytes(std::span(bytes))); }

}  // namespace lp::replay
