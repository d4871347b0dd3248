// Where is a place in a program's source, for errors: as a default argument, its caller's. A value.
// (clang 14 has no std::source_location.)
#pragma once

#include <string>

namespace lp::graph {

struct Where {
  static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  // "file:line".
  std::string text() const { return std::string(file) + ":" + std::to_string(line); }

  const char* file;
  int line;
};

}  // namespace lp::graph
