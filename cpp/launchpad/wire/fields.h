// LP_FIELDS(x, y): the one line that lets a struct travel between nodes, as a dict of its fields by name.
// Put it inside the struct. The struct must be default-constructible. Part of codec.h.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
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
    const size_t count = r.map();
    if (r.ok() && count != names().size()) return wrong(r, value);
    for (size_t n = 0; n < count && r.ok(); ++n) {
      const std::string_view key = r.string();
      bool known = false;
      size_t i = 0;
      std::apply([&](auto&... field) { ((known |= names()[i++] == key && read_field(r, field)), ...); },
                 value.lp_fields());
      if (r.ok() && !known) return wrong(r, value);
    }
    return value;
  }
  static std::string name() { return "dict with " + std::string(T::lp_field_names()); }

 private:
  template <class Field>
  static bool read_field(Reader& r, Field& field) {
    field = Codec<Field>::read(r);
    return true;
  }
  static T wrong(Reader& r, T& value) {
    r.fail("expected a dict with exactly the fields " + std::string(T::lp_field_names()));
    return std::move(value);
  }
};

}  // namespace lp::wire
