// ByteWriter and ByteReader: numbers and runs of bytes one after the other, little endian, for
// messages and files. A reader trusts nothing: what does not fit gives zeros and `ok()` is false
// from then on. One thread.
#pragma once

#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "launchpad/wire/payload.h"

namespace lp::replay {

class ByteWriter {
 public:
  explicit ByteWriter(wire::Body& out) : out_(out) {}

  template <class T>
  requires std::is_arithmetic_v<T>
  void number(T value) { out_.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void raw(std::span<const std::byte> bytes) {
    out_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  // With its length (4 bytes) before.
  void string(std::string_view text) {
    number(static_cast<uint32_t>(text.size()));
    out_.append(text);
  }
  // With its count (4 bytes) before.
  template <class T>
  void numbers(std::span<const T> values) {
    number(static_cast<uint32_t>(values.size()));
    raw(std::as_bytes(values));
  }
  // Zeros up to a multiple of `unit` from the start of the output.
  void align(size_t unit) { out_.resize((out_.size() + unit - 1) / unit * unit); }

 private:
  wire::Body& out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}

  template <class T>
  requires std::is_arithmetic_v<T> T number() {
    T value{};
    const std::string_view bytes = raw(sizeof(T));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  // The next `size` bytes; empty if there are fewer.
  std::string_view raw(size_t size) {
    if (size > in_.size() - at_) {
      ok_ = false;
      at_ = in_.size();
      return {};
    }
    at_ += size;
    return in_.substr(at_ - size, size);
  }
  std::string_view string() { return raw(number<uint32_t>()); }
  template <class T>
  std::vector<T> numbers() {
    const size_t count = number<uint32_t>();
    const std::string_view bytes = raw(count * sizeof(T));
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  // A count of things of at least `each` bytes: no more than can be there.
  size_t count(size_t each) {
    const size_t count = number<uint32_t>();
    if (count * each <= in_.size() - at_) return count;
    ok_ = false;
    return 0;
  }
  void align(size_t unit, size_t offset = 0) {
    const size_t position = at_ + offset;
    raw((position + unit - 1) / unit * unit - position);
  }

  bool ok() const { return ok_; }
  void fail() { ok_ = false; }
  bool at_end() const { return at_ == in_.size(); }
  size_t position() const { return at_; }

 private:
  std::string_view in_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace lp::replay
