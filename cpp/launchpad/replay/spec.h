// What a column holds: Spec, of one step, and Signature, what a table expects of whole items. A
// column's elements are a DType or strings of bytes. In memory a step is its elements row by row;
// a string is its length (4 bytes, little endian) and its bytes. Values; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/base/result.h"
#include "launchpad/wire/codec.h"
#include "launchpad/wire/tensor.h"

namespace lp::replay {

// None: strings of bytes.
using ElementType = std::optional<DType>;

// As Reverb's messages spell it: "float", "double", "int64", "bool", "string".
std::string_view type_name(ElementType type);
// "[84,84,3]"; an unknown dimension (-1) is "?".
std::string shape_text(std::span<const int64_t> shape);

// One step of a column. Every dimension is known.
struct Spec {
  ElementType type = DType::kFloat32;
  Tensor::Shape shape{};

  // Elements of one step.
  int64_t size() const;
  // Bytes of one step; none: strings, whose steps differ.
  std::optional<size_t> row_bytes() const;
  bool operator==(const Spec&) const = default;
};

// INVALID_ARGUMENT: negative or overflowing dimensions, more than Tensor::kMaxRank of them.
Status check_spec(const Spec& spec);
// Whether `bytes` are one step of `spec`: the right number, well formed strings.
Status check_row(const Spec& spec, std::span<const std::byte> bytes);

// Strings as they lie in a column, and back.
std::string encode_strings(std::span<const std::string> strings);
// DATA_LOSS: not what encode_strings gives.
Result<std::vector<std::string>> decode_strings(std::span<const std::byte> bytes);

// What a table expects of one column of an item, with its leading time dimension unless the column
// is squeezed.
struct SignatureColumn {
  std::string name{};
  uint8_t type = 0;  // A DType's number; 0: strings of bytes.
  bool known_rank = true;
  Tensor::Shape shape{};  // -1: any. Empty if the rank is not known.

  ElementType element_type() const { return type == 0 ? std::nullopt : dtype_numbered(type); }
  bool operator==(const SignatureColumn&) const = default;
  LP_FIELDS(name, type, known_rank, shape);
};

struct Signature {
  std::vector<SignatureColumn> columns{};
  // How the columns make a nest, in the words of whoever declared it; replay only keeps it.
  Bytes structure{};

  bool operator==(const Signature&) const = default;
  LP_FIELDS(columns, structure);
};

// One column of a trajectory as a signature sees it: `shape` with its time dimension, unless
// squeezed.
struct ColumnShape {
  ElementType type = DType::kFloat32;
  Tensor::Shape shape{};
};
bool compatible(const SignatureColumn& expected, const ColumnShape& got);
// INVALID_ARGUMENT: why an item for `table` does not fit, in Reverb's words.
Status check_signature(std::string_view table, const Signature& signature,
                       std::span<const ColumnShape> got);

}  // namespace lp::replay
