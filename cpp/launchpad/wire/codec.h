// Codec<T> says how a C++ value becomes a typed value and back: integers, floats, bool, enums,
// strings, Bytes, vector, array, map, tuple, pair, optional, variant, Tensor, and structs with one
// line LP_FIELDS. A stranger's type joins by specialising it. Pure; each codec has `write(Writer&,
// const T&)`, `read(Reader&) -> T` (failures stay in the Reader) and `name()`, the type as error
// messages print it.
#pragma once

#include <concepts>
#include <limits>
#include <string>
#include <type_traits>
#include <variant>

#include "launchpad/wire/reader.h"
#include "launchpad/wire/writer.h"

namespace lp {

// A string of bytes that is no text: Python's bytes.
struct Bytes {
  std::string data;  // The bytes.
  bool operator==(const Bytes&) const = default;
};

namespace wire {

template <class T>
struct Codec;  // No codec: see `Encodable`.

template <class T>
concept Encodable = requires(Writer& writer, Reader& reader, const T& value) {
  Codec<T>::write(writer, value);
  { Codec<T>::read(reader) } -> std::same_as<T>;
};

template <class T>
void write(Writer& writer, const T& value) {
  static_assert(
      Encodable<T>,
      "this type cannot travel between nodes: give the struct a line LP_FIELDS(its fields), or "
      "specialise lp::wire::Codec for it");
  Codec<T>::write(writer, value);
}

template <class T>
T read(Reader& reader) {
  static_assert(
      Encodable<T>,
      "this type cannot travel between nodes: give the struct a line LP_FIELDS(its fields), or "
      "specialise lp::wire::Codec for it");
  return Codec<T>::read(reader);
}

template <>
struct Codec<bool> {
  static void write(Writer& w, bool value) { w.boolean(value); }
  static bool read(Reader& r) { return r.boolean(); }
  static std::string name() { return "bool"; }
};

template <class T>
requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) struct Codec<T> {
  static void write(Writer& w, T value) {
    if constexpr (std::is_signed_v<T>)
      w.integer(value);
    else
      w.unsigned_integer(value);
  }
  static T read(Reader& r) {
    using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
    Wide wide;
    if constexpr (std::is_signed_v<T>)
      wide = r.integer();
    else
      wide = r.unsigned_integer();
    if (wide < Wide{std::numeric_limits<T>::min()} || wide > Wide{std::numeric_limits<T>::max()}) {
      r.fail("the int " + std::to_string(wide) + " does not fit into " +
             std::to_string(8 * sizeof(T)) + " bits");
      return 0;
    }
    return static_cast<T>(wide);
  }
  static std::string name() { return "int"; }
};

template <class T>
requires std::is_floating_point_v<T>
struct Codec<T> {
  static void write(Writer& w, T value) { w.real(static_cast<double>(value)); }
  static T read(Reader& r) { return static_cast<T>(r.real()); }
  static std::string name() { return "float"; }
};

template <class T>
requires std::is_enum_v<T>
struct Codec<T> {
  using Number = std::underlying_type_t<T>;
  static void write(Writer& w, T value) { Codec<Number>::write(w, static_cast<Number>(value)); }
  static T read(Reader& r) { return static_cast<T>(Codec<Number>::read(r)); }
  static std::string name() { return "int"; }
};

template <>
struct Codec<std::string> {
  static void write(Writer& w, const std::string& value) { w.string(value); }
  static std::string read(Reader& r) { return std::string(r.string()); }
  static std::string name() { return "str"; }
};

template <>
struct Codec<Bytes> {
  static void write(Writer& w, const Bytes& value) { w.bytes(value.data); }
  static Bytes read(Reader& r) { return Bytes{std::string(r.bytes())}; }
  static std::string name() { return "bytes"; }
};

template <>
struct Codec<Tensor> {
  static void write(Writer& w, const Tensor& value) { w.tensor(value); }
  static Tensor read(Reader& r) { return r.tensor(); }
  static std::string name() { return "array"; }
};

template <>
struct Codec<std::monostate> {
  static void write(Writer& w, std::monostate) { w.nil(); }
  static std::monostate read(Reader& r) {
    r.nil();
    return {};
  }
  static std::string name() { return "None"; }
};

}  // namespace wire
}  // namespace lp

#include "launchpad/wire/containers.h"  // IWYU pragma: export
#include "launchpad/wire/fields.h"      // IWYU pragma: export
