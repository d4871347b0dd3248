// Writer appends typed values to a Payload: msgpack
// (github.com/msgpack/msgpack/blob/master/spec.md) with three extension types, tensors (1), tuples
// (2) and clients (3). Large tensors become buffers beside the body and are not copied. One thread;
// cannot fail but for memory.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "launchpad/wire/payload.h"
#include "launchpad/wire/tensor.h"

namespace lp::wire {

// Tensors below this size travel inside the body: two copies are cheaper than one more buffer.
inline constexpr size_t kInlineTensorBytes = 4096;

class Writer {
 public:
  explicit Writer(Payload& payload) : payload_(payload), out_(payload.body) {}

  void nil() { byte(0xc0); }
  void boolean(bool value) { byte(value ? 0xc3 : 0xc2); }
  void integer(int64_t value);
  void unsigned_integer(uint64_t value);
  void real(double value);
  void string(std::string_view value);
  void bytes(std::string_view value);

  // Followed by `count` values (for a map: `count` pairs of key and value).
  void begin_list(size_t count);
  void begin_map(size_t count);
  // Followed by `count` values and end_tuple with what begin_tuple returned.
  size_t begin_tuple(size_t count);
  void end_tuple(size_t mark);

  void client(const ClientRef& client);

  // Row-major; another layout is copied.
  void tensor(const Tensor& tensor);
  // The elements are `buffer`, row-major.
  void tensor(DType dtype, const int64_t* shape, size_t rank, const Buffer& buffer);

 private:
  void byte(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  // The header of an extension whose length end_extension fills in; the mark for it.
  size_t begin_extension(uint8_t type);
  void end_extension(size_t mark);
  template <class T>
  void big_endian(uint8_t tag, T value);

  Payload& payload_;
  Body& out_;
};

}  // namespace lp::wire
