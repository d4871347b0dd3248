// LP_FIELDS(x, y): the one line that lets a struct travel between nodes, as a dict of its fields by
// name. Put it inside the struct. The struct must be default-constructible. Part of codec.h.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "launchpad/wire/codec.h"

#define LP_FIELDS(...)                                                        \
  auto lp_fields() { return std::tie(__VA_ARGS__); }                          \
  auto lp_fields() const { return std::tie(__VA_ARGS__); }                    \
  static constexpr std::string_view lp_field_names() { return #__VA_ARGS__; } \
  static_assert(true, "")

namespace lp::wire {

template <class T>
concept HasFields = requires(T& value) {
  value.lp_fields();
  T::lp_field_names();
};

// "x, y" -> {"x", "y"}.
std::vector<std::string_view> split_field_names(std::string_view names);

template <HasFields T>
struct Codec<T> {
  static const std::vector<std::string_view>& names() {
    static const auto names = split_field_names(T::lp_field_names());
    return names;
  }
  static void write(Writer& w, const T& value) {
    w.begin_map(names().size());
    size_t i = 0;
    std::apply(
        [&](const auto&... field) {
          ((w.string(names()[i++]), Codec<std::decay_t<decltype(field)>>::write(w, field)), ...);
        },
        value.lp_fields());
  }
  static T read(Reader& r) {
    T value{};
    const Reader::Level level(r);
    std::array<bool, kCount> seen{};
    for (size_t n = r.map(); n > 0 && r.ok(); --n) {
      const std::string_view key = r.string();
      if (r.ok()) read_field(r, key, value, seen);
    }
    const auto missing =
        static_cast<size_t>(std::find(seen.begin(), seen.end(), false) - seen.begin());
    if (r.ok() && missing < kCount) complain(r, names()[missing], "is missing");
    return value;
  }
  static std::string name() { return "dict with " + std::string(T::lp_field_names()); }

 private:
  static constexpr size_t kCount = std::tuple_size_v<decltype(std::declval<T&>().lp_fields())>;

  static void read_field(Reader& r, std::string_view key, T& value,
                         std::array<bool, kCount>& seen) {
    const auto field =
        static_cast<size_t>(std::find(names().begin(), names().end(), key) - names().begin());
    if (field >= kCount) return complain(r, key, "is none of them");
    if (std::exchange(seen[field], true)) return complain(r, key, "comes twice");
    size_t i = 0;
    std::apply([&](auto&... fields) { ((i++ == field ? read_into(r, fields) : void()), ...); },
               value.lp_fields());
  }
  template <class Field>
  static void read_into(Reader& r, Field& field) {
    field = Codec<Field>::read(r);
  }
  static void complain(Reader& r, std::string_view field, std::string_view what) {
    r.fail("expected a dict with exactly the fields " + std::string(T::lp_field_names()) + ": '" +
           std::string(field) + "' " + std::string(what));
  }
};

}  // namespace lp::wire
