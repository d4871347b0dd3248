#include "launchpad/wire/fields.h"

#include <algorithm>

namespace lp::wire {

std::vector<std::string_view> split_field_names(std::string_view names) {
  std::vector<std::string_view> split;
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    std::string_view name = names.substr(0, comma);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    split.push_back(name);
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return split;
}

}  // namespace lp::wire
