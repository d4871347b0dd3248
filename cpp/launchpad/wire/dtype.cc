#include "launchpad/wire/dtype.h"

#include <array>

namespace lp {
namespace {

struct Entry {
  std::string_view name;
  size_t size;
};

// Indexed by the DType's number; 0 is not one.
constexpr std::array<Entry, 16> kEntries = {{{"", 0},
                                             {"bool", 1},
                                             {"int8", 1},
                                             {"int16", 2},
                                             {"int32", 4},
                                             {"int64", 8},
                                             {"uint8", 1},
                                             {"uint16", 2},
                                             {"uint32", 4},
                                             {"uint64", 8},
                                             {"float16", 2},
                                             {"float32", 4},
                                             {"float64", 8},
                                             {"complex64", 8},
                                             {"complex128", 16},
                                             {"bfloat16", 2}}};

const Entry& entry(DType dtype) {
  const auto number = static_cast<size_t>(dtype);
  return kEntries[number < kEntries.size() ? number : 0];
}

}  // namespace

size_t dtype_size(DType dtype) { return entry(dtype).size; }

std::string_view dtype_name(DType dtype) { return entry(dtype).name; }

std::optional<DType> dtype_named(std::string_view name) {
  for (size_t number = 1; number < kEntries.size(); ++number) {
    if (kEntries[number].name == name) return static_cast<DType>(number);
  }
  return std::nullopt;
}

std::optional<DType> dtype_numbered(uint8_t number) {
  if (number == 0 || number >= kEntries.size()) return std::nullopt;
  return static_cast<DType>(number);
}

}  // namespace lp
