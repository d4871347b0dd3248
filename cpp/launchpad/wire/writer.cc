#include "launchpad/wire/writer.h"

#include <bit>
#include <cstring>

namespace lp::wire {

template <class T>
void Writer::big_endian(uint8_t tag, T value) {
  char bytes[1 + sizeof(T)];
  bytes[0] = static_cast<char>(tag);
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[1 + i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  out_.append(bytes, sizeof(bytes));
}

void Writer::integer(int64_t value) {
  if (value >= 0) return unsigned_integer(static_cast<uint64_t>(value));
  if (value >= -32) return byte(static_cast<uint8_t>(value));
  if (value >= INT8_MIN) return big_endian(0xd0, static_cast<uint8_t>(value));
  if (value >= INT16_MIN) return big_endian(0xd1, static_cast<uint16_t>(value));
  if (value >= INT32_MIN) return big_endian(0xd2, static_cast<uint32_t>(value));
  big_endian(0xd3, static_cast<uint64_t>(value));
}

void Writer::unsigned_integer(uint64_t value) {
  if (value < 128) return byte(static_cast<uint8_t>(value));
  if (value <= UINT8_MAX) return big_endian(0xcc, static_cast<uint8_t>(value));
  if (value <= UINT16_MAX) return big_endian(0xcd, static_cast<uint16_t>(value));
  if (value <= UINT32_MAX) return big_endian(0xce, static_cast<uint32_t>(value));
  big_endian(0xcf, value);
}

void Writer::real(double value) { big_endian(0xcb, std::bit_cast<uint64_t>(value)); }

void Writer::string(std::string_view value) {
  const size_t size = value.size();
  if (size < 32)
    byte(static_cast<uint8_t>(0xa0 | size));
  else if (size <= UINT8_MAX)
    big_endian(0xd9, static_cast<uint8_t>(size));
  else if (size <= UINT16_MAX)
    big_endian(0xda, static_cast<uint16_t>(size));
  else
    big_endian(0xdb, static_cast<uint32_t>(size));
  out_.append(value);
}

void Writer::bytes(std::string_view value) {
  const size_t size = value.size();
  if (size <= UINT8_MAX)
    big_endian(0xc4, static_cast<uint8_t>(size));
  else if (size <= UINT16_MAX)
    big_endian(0xc5, static_cast<uint16_t>(size));
  else
    big_endian(0xc6, static_cast<uint32_t>(size));
  out_.append(value);
}

void Writer::begin_list(size_t count) {
  if (count < 16)
    byte(static_cast<uint8_t>(0x90 | count));
  else if (count <= UINT16_MAX)
    big_endian(0xdc, static_cast<uint16_t>(count));
  else
    big_endian(0xdd, static_cast<uint32_t>(count));
}

void Writer::begin_map(size_t count) {
  if (count < 16)
    byte(static_cast<uint8_t>(0x80 | count));
  else if (count <= UINT16_MAX)
    big_endian(0xde, static_cast<uint16_t>(count));
  else
    big_endian(0xdf, static_cast<uint32_t>(count));
}

size_t Writer::begin_extension(uint8_t type) {
  big_endian(0xc9, uint32_t{0});
  byte(type);
  return out_.size();
}

void Writer::end_extension(size_t mark) {
  const auto size = static_cast<uint32_t>(out_.size() - mark);
  for (size_t i = 0; i < 4; ++i) out_[mark - 5 + i] = static_cast<char>(size >> (8 * (3 - i)));
}

size_t Writer::begin_tuple(size_t count) {
  const size_t mark = begin_extension(kTupleExtension);
  begin_list(count);
  return mark;
}

void Writer::end_tuple(size_t mark) { end_extension(mark); }

void Writer::client(const ClientRef& client) {
  const size_t mark = begin_extension(kClientExtension);
  begin_list(3);
  string(client.address);
  string(client.server_name);
  boolean(client.prebound);
  end_extension(mark);
}

void Writer::tensor(const Tensor& tensor) {
  const Tensor row_major = tensor.contiguous() ? tensor : tensor.clone();
  this->tensor(row_major.dtype(), row_major.shape().data(), row_major.shape().size(),
               row_major.buffer().first(row_major.nbytes()));
}

void Writer::tensor(DType dtype, const int64_t* shape, size_t rank, const Buffer& buffer) {
  const bool inline_data = buffer.size() < kInlineTensorBytes;
  const size_t size = 3 + 8 * rank + (inline_data ? buffer.size() : 4);
  big_endian(0xc9, static_cast<uint32_t>(size));
  byte(kTensorExtension);
  byte(static_cast<uint8_t>(dtype));
  byte(static_cast<uint8_t>(rank));
  byte(inline_data ? 1 : 0);
  out_.append(reinterpret_cast<const char*>(shape), 8 * rank);
  if (inline_data) {
    out_.append(reinterpret_cast<const char*>(buffer.data()), buffer.size());
    return;
  }
  const auto index = static_cast<uint32_t>(payload_.buffers.size());
  out_.append(reinterpret_cast<const char*>(&index), sizeof(index));
  payload_.buffers.push_back(buffer);
}

}  // namespace lp::wire
