#include "launchpad/replay/crc32c.h"

#include <array>
#include <cstring>

namespace lp::replay {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // Reversed.

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}

uint32_t by_table(uint32_t crc, std::span<const std::byte> bytes) {
  static constexpr auto kTable = make_table();
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint32_t>(byte)) & 0xff];
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t by_instruction(uint32_t crc,
                                                          std::span<const std::byte> bytes) {
  uint64_t wide = crc;
  while (bytes.size() >= sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof(word));
    wide = __builtin_ia32_crc32di(wide, word);
    bytes = bytes.subspan(sizeof(word));
  }
  return by_table(static_cast<uint32_t>(wide), bytes);
}
#endif

}  // namespace

uint32_t crc32c(std::span<const std::byte> bytes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~by_instruction(~uint32_t{0}, bytes);
#endif
  return ~by_table(~uint32_t{0}, bytes);
}

}  // namespace lp::replay
