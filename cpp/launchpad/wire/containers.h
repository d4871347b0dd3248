// How containers travel: vector, array, map and unordered_map; tuple and pair, optional, variant. A
// Python list and tuple stand for each other, and an array for a list of numbers, where no variant
// asks for the exact kind. Part of codec.h.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "launchpad/wire/codec.h"

namespace lp::wire {

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
  static std::string name() {
    return "dict[" + Codec<Key>::name() + ", " + Codec<Mapped>::name() + "]";
  }
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
      r.fail("expected " + std::to_string(sizeof...(T)) + " elements, got " +
             std::to_string(count));
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
    if (value)
      Codec<T>::write(w, *value);
    else
      w.nil();
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

// The first alternative that fits what is there: exactly, or else by a conversion (an int as a
// float).
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
    if (r.ok())
      found.emplace(std::move(value));
    else
      r.rewind(start);
    return found.has_value();
  }
  static std::string name() {
    std::string names;
    ((names += (names.empty() ? "" : " | ") + Codec<T>::name()), ...);
    return names;
  }
};

}  // namespace lp::wire
