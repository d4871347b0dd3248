#include "launchpad/replay/spec.h"

#include <cstring>

namespace lp::replay {
namespace {

// Shape and type as messages list them, e.g. "0: Tensor<name: 'x', dtype: float, shape: [?,3]>".
std::string line(size_t index, std::string_view name, ElementType type, const std::string& shape) {
  return std::to_string(index) + ": Tensor<name: '" + std::string(name) +
         "', dtype: " + std::string(type_name(type)) + ", shape: " + shape + ">";
}

std::string expected_shape(const SignatureColumn& column) {
  return column.known_rank ? shape_text(column.shape) : "<unknown>";
}

std::string lines(const Signature& signature) {
  std::string text;
  for (size_t i = 0; i < signature.columns.size(); ++i) {
    const SignatureColumn& column = signature.columns[i];
    text +=
        (i == 0 ? "" : ", ") + line(i, column.name, column.element_type(), expected_shape(column));
  }
  return text;
}

std::string lines(std::span<const ColumnShape> columns) {
  std::string text;
  for (size_t i = 0; i < columns.size(); ++i) {
    text += (i == 0 ? "" : ", ") + line(i, "", columns[i].type, shape_text(columns[i].shape));
  }
  return text;
}

}  // namespace

std::string_view type_name(ElementType type) {
  if (!type) return "string";
  switch (*type) {
    case DType::kFloat16:
      return "half";
    case DType::kFloat32:
      return "float";
    case DType::kFloat64:
      return "double";
    default:
      return dtype_name(*type);
  }
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ",") + (shape[i] < 0 ? "?" : std::to_string(shape[i]));
  }
  return text + "]";
}

int64_t Spec::size() const {
  int64_t size = 1;
  for (int64_t dimension : shape) size *= dimension;
  return size;
}

std::optional<size_t> Spec::row_bytes() const {
  if (!type) return std::nullopt;
  return static_cast<size_t>(size()) * dtype_size(*type);
}

Status check_spec(const Spec& spec) {
  const size_t item_size = spec.type ? dtype_size(*spec.type) : sizeof(uint32_t);
  if (item_size == 0) return Error(Code::kInvalidArgument, "a column of an unknown element type");
  const auto count = Tensor::element_count(spec.shape, item_size);
  if (!count.ok()) return count.error();
  return {};
}

Status check_row(const Spec& spec, std::span<const std::byte> bytes) {
  if (spec.type) {
    const size_t expected = *spec.row_bytes();
    if (bytes.size() == expected) return {};
    return Error(Code::kInvalidArgument, "a step of " + std::to_string(bytes.size()) +
                                             " bytes where " + std::string(type_name(spec.type)) +
                                             " " + shape_text(spec.shape) + " has " +
                                             std::to_string(expected));
  }
  int64_t count = 0;
  size_t at = 0;
  while (at < bytes.size()) {
    uint32_t size = 0;
    if (bytes.size() - at < sizeof(size)) break;
    std::memcpy(&size, bytes.data() + at, sizeof(size));
    if (bytes.size() - at - sizeof(size) < size) break;
    at += sizeof(size) + size;
    ++count;
  }
  if (at == bytes.size() && count == spec.size()) return {};
  return Error(Code::kInvalidArgument, "a step of strings that is not " +
                                           std::to_string(spec.size()) +
                                           " of them, each behind "
                                           "its length");
}

std::string encode_strings(std::span<const std::string> strings) {
  std::string bytes;
  for (const std::string& string : strings) {
    const auto size = static_cast<uint32_t>(string.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof(size));
    bytes += string;
  }
  return bytes;
}

Result<std::vector<std::string>> decode_strings(std::span<const std::byte> bytes) {
  std::vector<std::string> strings;
  while (!bytes.empty()) {
    uint32_t size = 0;
    if (bytes.size() < sizeof(size)) break;
    std::memcpy(&size, bytes.data(), sizeof(size));
    if (bytes.size() - sizeof(size) < size) break;
    strings.emplace_back(reinterpret_cast<const char*>(bytes.data()) + sizeof(size), size);
    bytes = bytes.subspan(sizeof(size) + size);
  }
  if (!bytes.empty()) return Error(Code::kDataLoss, "strings that end in the middle of one");
  return strings;
}

bool compatible(const SignatureColumn& expected, const ColumnShape& got) {
  if (expected.element_type() != got.type) return false;
  if (!expected.known_rank) return true;
  if (expected.shape.size() != got.shape.size()) return false;
  for (size_t i = 0; i < got.shape.size(); ++i) {
    if (expected.shape[i] >= 0 && expected.shape[i] != got.shape[i]) return false;
  }
  return true;
}

Status check_signature(std::string_view table, const Signature& signature,
                       std::span<const ColumnShape> got) {
  std::string why;
  if (got.size() != signature.columns.size()) {
    why = "The trajectory has " + std::to_string(got.size()) +
          " columns but the table signature has " + std::to_string(signature.columns.size()) +
          " columns.";
  }
  for (size_t i = 0; why.empty() && i < got.size(); ++i) {
    const SignatureColumn& expected = signature.columns[i];
    if (compatible(expected, got[i])) continue;
    why = "The table expects column " + std::to_string(i) + " to be a " +
          std::string(type_name(expected.element_type())) + " " + expected_shape(expected) +
          " tensor but got a " + std::string(type_name(got[i].type)) + " " +
          shape_text(got[i].shape) + " tensor.";
  }
  if (why.empty()) return {};
  return Error(Code::kInvalidArgument,
               "Unable to create item in table '" + std::string(table) +
                   "' since the provided trajectory is inconsistent with the table signature. " +
                   why + "\n\nThe table signature is:\n\t" + lines(signature) +
                   "\n\nThe provided trajectory signature is:\n\t" + lines(got) + ".\n");
}

}  // namespace lp::replay
