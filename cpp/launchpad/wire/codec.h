// Codec<T> says how a C++ value becomes a typed value and back: integers, floats, bool, enums, strings,
// Bytes, vector, array, map, tuple, pair, optional, variant, Tensor, and structs with one line LP_FIELDS.
// A stranger's type joins by specialising it. Pure; each codec has `write(Writer&, const T&)`,
// `read(Reader&) -> T` (failures stay in the Reader) and `name()`, the type as error messages print it.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "launchpad/wire/reader.h"
#include "launchpad/wire/writer.h"

namespace lp {

// A string of bytes that is no text: Python's bytes.
struct Bytes {
  std::string data;
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
  static_assert(Encodable<T>,
                "this type cannot travel between nodes: give the struct a line LP_FIELDS(its fields), or "
                "specialise lp::wire::Codec for it");
  Codec<T>::write(writer, value);
}

template <class T>
T read(Reader& reader) {
  static_assert(Encodable<T>,
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
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
struct Codec<T> {
  static void write(Writer& w, T value) {
    if constexpr (std::is_signed_v<T>) w.integer(value);
    else w.unsigned_integer(value);
  }
  static T read(Reader& r) {
    using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
    Wide wide;
    if constexpr (std::is_signed_v<T>) wide = r.integer();
    else wide = r.unsigned_integer();
    if (wide < Wide{std::numeric_limits<T>::min()} || wide > Wide{std::numeric_limits<T>::max()}) {
      r.fail("the int " + std::to_string(wide) + " does not fit into " + std::to_string(8 * sizeof(T)) +
             " bits");
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

template <Encodable T>
struct Codec<std::vector<T>> {
  static void write(Writer& w, const std::vector<T>& values) {
    w.begin_list(values.size());
    for (const auto& value : values) Codec<T>::write(w, value);
  }
  static std::vector<T> read(Reader& r) {
    std::vector<T> values;
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      if (r.peek() == Kind::kTensor && !r.exact()) return from_tensor(r);
    }
    const size_t count = r.list();
    // A claimed count is not yet paid for: large ones grow as they are read.
    values.reserve(std::min<size_t>(count, 4096));
    for (size_t i = 0; i < count && r.ok(); ++i) values.push_back(Codec<T>::read(r));
    return values;
  }
  // A one-dimensional array of the same element type will do for a list of numbers.
  static std::vector<T> from_tensor(Reader& r) {
    const Tensor tensor = r.tensor();
    if (!r.ok()) return {};
    if (tensor.dtype() != dtype_of<T>() || tensor.shape().size() != 1) {
      r.fail("expected " + name() + " or a one-dimensional array of " +
             std::string(dtype_name(dtype_of<T>())) + ", got a " +
             std::to_string(tensor.shape().size()) + "-dimensional array of " +
             std::string(dtype_name(tensor.dtype())));
      return {};
    }
    std::vector<T> values(static_cast<size_t>(tensor.size()));
    // By bytes: a payload that never left this process may hold memory that is not aligned.
    if (!values.empty()) std::memcpy(values.data(), tensor.buffer().data(), tensor.nbytes());
    return values;
  }
  static std::string name() { return "list[" + Codec<T>::name() + "]"; }
};

template <Encodable T, size_t N>
struct Codec<std::array<T, N>> {
  static void write(Writer& w, const std::array<T, N>& values) {
    w.begin_list(N);
    for (const auto& value : values) Codec<T>::write(w, value);
  }
  static std::array<T, N> read(Reader& r) {
    std::array<T, N> values{};
    const size_t count = r.list();
    if (r.ok() && count != N) {
      r.fail("expected " + std::to_string(N) + " elements, got " + std::to_string(count));
    }
    for (size_t i = 0; i < N && r.ok(); ++i) values[i] = Codec<T>::read(r);
    return values;
  }
  static std::string name() { return "list[" + Codec<T>::name() + "]"; }
};

template <class Map>
struct MapCodec {
  using Key = typename Map::key_type;
  using Mapped = typename Map::mapped_type;
  static void write(Writer& w, const Map& map) {
    w.begin_map(map.size());
    for (const auto& [key, value] : map) {
      Codec<Key>::write(w, key);
      Codec<Mapped>::write(w, value);
    }
  }
  static Map read(Reader& r) {
    Map map;
    for (size_t count = r.map(); count > 0 && r.ok(); --count) {
      Key key = Codec<Key>::read(r);
      map.insert_or_assign(std::move(key), Codec<Mapped>::read(r));
    }
    return map;
  }
  static std::string name() { return "dict[" + Codec<Key>::name() + ", " + Codec<Mapped>::name() + "]"; }
};

template <Encodable K, Encodable V>
struct Codec<std::map<K, V>> : MapCodec<std::map<K, V>> {};
template <Encodable K, Encodable V>
struct Codec<std::unordered_map<K, V>> : MapCodec<std::unordered_map<K, V>> {};

template <Encodable... T>
struct Codec<std::tuple<T...>> {
  static void write(Writer& w, const std::tuple<T...>& values) {
    const size_t mark = w.begin_tuple(sizeof...(T));
    std::apply([&](const T&... value) { (Codec<T>::write(w, value), ...); }, values);
    w.end_tuple(mark);
  }
  static std::tuple<T...> read(Reader& r) {
    const size_t count = r.tuple();
    if (r.ok() && count != sizeof...(T)) {
      r.fail("expected " + std::to_string(sizeof...(T)) + " elements, got " + std::to_string(count));
    }
    // Braces: the elements are read from left to right.
    return std::tuple<T...>{Codec<T>::read(r)...};
  }
  static std::string name() {
    std::string names;
    ((names += (names.empty() ? "" : ", ") + Codec<T>::name()), ...);
    return "tuple[" + names + "]";
  }
};

template <Encodable A, Encodable B>
struct Codec<std::pair<A, B>> {
  static void write(Writer& w, const std::pair<A, B>& value) {
    Codec<std::tuple<A, B>>::write(w, std::tuple<A, B>(value.first, value.second));
  }
  static std::pair<A, B> read(Reader& r) {
    auto [first, second] = Codec<std::tuple<A, B>>::read(r);
    return {std::move(first), std::move(second)};
  }
  static std::string name() { return Codec<std::tuple<A, B>>::name(); }
};

template <Encodable T>
struct Codec<std::optional<T>> {
  static void write(Writer& w, const std::optional<T>& value) {
    if (value) Codec<T>::write(w, *value);
    else w.nil();
  }
  static std::optional<T> read(Reader& r) {
    if (r.peek() == Kind::kNil) {
      r.nil();
      return std::nullopt;
    }
    return Codec<T>::read(r);
  }
  static std::string name() { return Codec<T>::name() + " | None"; }
};

// The first alternative that fits what is there: exactly, or else by a conversion (an int as a float).
template <Encodable... T>
struct Codec<std::variant<T...>> {
  using Variant = std::variant<T...>;
  static void write(Writer& w, const Variant& value) {
    std::visit([&](const auto& v) { Codec<std::decay_t<decltype(v)>>::write(w, v); }, value);
  }
  static Variant read(Reader& r) {
    std::optional<Variant> found;
    const auto start = r.mark();
    const bool exact = r.exact();
    r.set_exact(true);
    (attempt<T>(r, start, found) || ...);
    r.set_exact(exact);
    if (!exact && !found) (attempt<T>(r, start, found) || ...);
    if (found) return std::move(*found);
    if (!start.error) r.expected(name());
    return Variant();
  }
  template <class A>
  static bool attempt(Reader& r, const Reader::Mark& start, std::optional<Variant>& found) {
    A value = Codec<A>::read(r);
    if (r.ok()) found.emplace(std::move(value));
    else r.rewind(start);
    return found.has_value();
  }
  static std::string name() {
    std::string names;
    ((names += (names.empty() ? "" : " | ") + Codec<T>::name()), ...);
    return names;
  }
};

}  // namespace wire
}  // namespace lp

#include "launchpad/wire/fields.h"  // IWYU pragma: export
