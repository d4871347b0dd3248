#include "launchpad/wire/reader.h"

#include <bit>
#include <cstring>
#include <memory>

namespace lp::wire {
namespace {

Kind kind_of(uint8_t tag) {
  if (tag <= 0x7f || tag >= 0xe0) return Kind::kInt;
  if (tag <= 0x8f) return Kind::kMap;
  if (tag <= 0x9f) return Kind::kList;
  if (tag <= 0xbf) return Kind::kString;
  switch (tag) {
    case 0xc0:
      return Kind::kNil;
    case 0xc2:
    case 0xc3:
      return Kind::kBool;
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return Kind::kBytes;
    case 0xca:
    case 0xcb:
      return Kind::kReal;
    case 0xd9:
    case 0xda:
    case 0xdb:
      return Kind::kString;
    case 0xdc:
    case 0xdd:
      return Kind::kList;
    case 0xde:
    case 0xdf:
      return Kind::kMap;
    default:
      break;
  }
  return tag >= 0xcc && tag <= 0xd3 ? Kind::kInt : Kind::kNothing;
}

}  // namespace

std::string_view kind_name(Kind kind) {
  static constexpr std::string_view kNames[] = {"nothing", "None", "bool",  "int",
                                                "float",   "str",  "bytes", "list",
                                                "tuple",   "dict", "array", "client"};
  return kNames[static_cast<int>(kind)];
}

void Reader::fail(std::string message) {
  if (!error_) error_ = Error(Code::kInvalidArgument, std::move(message));
}

void Reader::expected(std::string_view what) {
  fail("expected " + std::string(what) + ", got " + std::string(kind_name(peek())));
}

Kind Reader::peek() const {
  if (error_ || at_end()) return Kind::kNothing;
  const auto tag = static_cast<uint8_t>(in_[position_]);
  if (tag != 0xc9) return kind_of(tag);
  if (position_ + 6 > in_.size()) return Kind::kNothing;
  const auto type = static_cast<uint8_t>(in_[position_ + 5]);
  if (type == kTensorExtension) return Kind::kTensor;
  if (type == kClientExtension) return Kind::kClient;
  return type == kTupleExtension ? Kind::kTuple : Kind::kNothing;
}

std::string_view Reader::cut_short() {
  fail("the value is cut short");
  return {};
}

template <class T>
T Reader::big_endian() {
  const std::string_view bytes = take(sizeof(T));
  T value = 0;
  for (const char c : bytes) value = static_cast<T>((value << 7) << 1) | static_cast<uint8_t>(c);
  return value;
}

void Reader::nil() {
  if (peek() != Kind::kNil) return expected("None");
  ++position_;
}

bool Reader::boolean() {
  if (peek() != Kind::kBool) {
    expected("bool");
    return false;
  }
  return static_cast<uint8_t>(in_[position_++]) == 0xc3;
}

bool Reader::read_integer(uint64_t& bits, bool& negative) {
  if (peek() != Kind::kInt) {
    expected("int");
    return false;
  }
  const auto tag = static_cast<uint8_t>(in_[position_++]);
  int64_t value = 0;
  if (tag <= 0x7f)
    bits = tag;
  else if (tag >= 0xe0)
    bits = static_cast<uint64_t>(int64_t{static_cast<int8_t>(tag)});
  else if (tag == 0xcc)
    bits = big_endian<uint8_t>();
  else if (tag == 0xcd)
    bits = big_endian<uint16_t>();
  else if (tag == 0xce)
    bits = big_endian<uint32_t>();
  else if (tag == 0xcf)
    bits = big_endian<uint64_t>();
  else {
    if (tag == 0xd0)
      value = static_cast<int8_t>(big_endian<uint8_t>());
    else if (tag == 0xd1)
      value = static_cast<int16_t>(big_endian<uint16_t>());
    else if (tag == 0xd2)
      value = static_cast<int32_t>(big_endian<uint32_t>());
    else
      value = static_cast<int64_t>(big_endian<uint64_t>());
    bits = static_cast<uint64_t>(value);
  }
  negative = (tag >= 0xe0) || value < 0;
  return !error_;
}

int64_t Reader::integer() {
  uint64_t bits = 0;
  bool negative = false;
  if (!read_integer(bits, negative)) return 0;
  if (!negative && bits > static_cast<uint64_t>(INT64_MAX)) {
    fail("the int " + std::to_string(bits) + " does not fit into 64 bits with a sign");
    return 0;
  }
  return static_cast<int64_t>(bits);
}

uint64_t Reader::unsigned_integer() {
  uint64_t bits = 0;
  bool negative = false;
  if (!read_integer(bits, negative)) return 0;
  if (negative) {
    fail("the int " + std::to_string(static_cast<int64_t>(bits)) + " is negative");
    return 0;
  }
  return bits;
}

double Reader::real() {
  const Kind kind = peek();
  if (kind == Kind::kInt && !exact_) {
    uint64_t bits = 0;
    bool negative = false;
    if (!read_integer(bits, negative)) return 0;
    return negative ? static_cast<double>(static_cast<int64_t>(bits)) : static_cast<double>(bits);
  }
  if (kind != Kind::kReal) {
    expected("float");
    return 0;
  }
  const auto tag = static_cast<uint8_t>(in_[position_++]);
  if (tag == 0xca) return std::bit_cast<float>(big_endian<uint32_t>());
  return std::bit_cast<double>(big_endian<uint64_t>());
}

std::string_view Reader::string() {
  if (peek() != Kind::kString) {
    expected("str");
    return {};
  }
  const auto tag = static_cast<uint8_t>(in_[position_++]);
  if (tag < 0xc0) return take(tag & 0x1f);
  if (tag == 0xd9) return take(big_endian<uint8_t>());
  if (tag == 0xda) return take(big_endian<uint16_t>());
  return take(big_endian<uint32_t>());
}

std::string_view Reader::bytes() {
  if (peek() != Kind::kBytes) {
    expected("bytes");
    return {};
  }
  const auto tag = static_cast<uint8_t>(in_[position_++]);
  if (tag == 0xc4) return take(big_endian<uint8_t>());
  if (tag == 0xc5) return take(big_endian<uint16_t>());
  return take(big_endian<uint32_t>());
}

size_t Reader::list() {
  if (peek() == Kind::kTuple && !exact_) return tuple();
  return bare_list("list");
}

size_t Reader::tuple() {
  if (peek() != Kind::kTuple) {
    if (!exact_) return bare_list("tuple");
    expected("tuple");
    return 0;
  }
  uint8_t type = 0;
  if (extension(type) > in_.size() - position_) fail("a tuple is cut short");
  return bare_list("tuple");
}

size_t Reader::bare_list(std::string_view what) {
  if (peek() != Kind::kList) {
    expected(what);
    return 0;
  }
  const auto tag = static_cast<uint8_t>(in_[position_++]);
  const size_t count = tag < 0xa0    ? (tag & 0x0f)
                       : tag == 0xdc ? big_endian<uint16_t>()
                                     : big_endian<uint32_t>();
  // Every value takes at least a byte, so a longer claim is a lie: refuse before anybody reserves
  // memory.
  if (count > in_.size() - position_) fail("a list is cut short");
  return error_ ? 0 : count;
}

size_t Reader::map() {
  if (peek() != Kind::kMap) {
    expected("dict");
    return 0;
  }
  const auto tag = static_cast<uint8_t>(in_[position_++]);
  const size_t count = tag < 0x90    ? (tag & 0x0f)
                       : tag == 0xde ? big_endian<uint16_t>()
                                     : big_endian<uint32_t>();
  if (count > (in_.size() - position_) / 2) fail("a dict is cut short");
  return error_ ? 0 : count;
}

size_t Reader::extension(uint8_t& type) {
  ++position_;
  const size_t size = big_endian<uint32_t>();
  const std::string_view type_byte = take(1);
  type = type_byte.empty() ? 0 : static_cast<uint8_t>(type_byte[0]);
  return size;
}

Tensor Reader::tensor() {
  if (peek() != Kind::kTensor) {
    expected("array");
    return Tensor();
  }
  uint8_t type = 0;
  const std::string_view content = take(extension(type));
  return error_ ? Tensor() : tensor_from(content);
}

Tensor Reader::tensor_from(std::string_view content) {
  const auto refuse = [this](const char* why) {
    fail(why);
    return Tensor();
  };
  if (content.size() < 3) return refuse("an array is cut short");
  const auto dtype = dtype_numbered(static_cast<uint8_t>(content[0]));
  const auto rank = static_cast<uint8_t>(content[1]);
  const bool inline_data = content[2] != 0;
  if (!dtype) return refuse("an array has an unknown dtype");
  if (content.size() < 3 + size_t{8} * rank) return refuse("an array is cut short");
  Tensor::Shape shape(rank);
  if (rank > 0) std::memcpy(shape.data(), content.data() + 3, size_t{8} * rank);
  const auto count = Tensor::element_count(shape, dtype_size(*dtype));
  if (!count.ok()) return refuse("an array has an impossible shape");
  const size_t bytes = static_cast<size_t>(count.value()) * dtype_size(*dtype);
  content.remove_prefix(3 + size_t{8} * rank);
  Buffer buffer;
  if (inline_data) {
    if (content.size() != bytes) return refuse("an array's data does not fit its shape");
    buffer = Buffer::allocate(bytes);
    if (bytes > 0) std::memcpy(buffer.mutable_data(), content.data(), bytes);
  } else {
    uint32_t index = 0;
    if (content.size() != sizeof(index)) return refuse("an array is cut short");
    std::memcpy(&index, content.data(), sizeof(index));
    if (index >= payload_.buffers.size()) return refuse("an array's buffer is missing");
    buffer = payload_.buffers[index];
    if (buffer.size() != bytes) return refuse("an array's data does not fit its shape");
  }
  auto strides = Tensor::row_major_strides(shape, dtype_size(*dtype));
  return Tensor(*dtype, std::move(shape), std::move(strides), std::move(buffer));
}

ClientRef Reader::client() {
  ClientRef client;
  if (peek() != Kind::kClient) {
    expected("client");
    return client;
  }
  uint8_t type = 0;
  const size_t size = extension(type);
  const size_t end = position_ + size;
  if (bare_list("list") != 3) fail("a client is malformed");
  client.address = string();
  client.server_name = string();
  client.prebound = boolean();
  if (position_ != end) fail("a client is malformed");
  return client;
}

void Reader::skip(int depth) {
  if (depth > kMaxDepth) return fail("a value is nested too deeply");
  switch (peek()) {
    case Kind::kNothing:
      return fail("the value is cut short or malformed");
    case Kind::kNil:
    case Kind::kBool:
      ++position_;
      return;
    case Kind::kInt: {
      uint64_t bits = 0;
      bool negative = false;
      read_integer(bits, negative);
      return;
    }
    case Kind::kReal:
      real();
      return;
    case Kind::kString:
      string();
      return;
    case Kind::kBytes:
      bytes();
      return;
    case Kind::kTensor:
    case Kind::kClient: {
      uint8_t type = 0;
      take(extension(type));
      return;
    }
    case Kind::kList:
    case Kind::kTuple: {
      for (size_t n = peek() == Kind::kList ? list() : tuple(); n > 0 && ok(); --n) skip(depth + 1);
      return;
    }
    case Kind::kMap: {
      for (size_t n = map(); n > 0 && ok(); --n) {
        skip(depth + 1);
        skip(depth + 1);
      }
    }
  }
}

}  // namespace lp::wire
