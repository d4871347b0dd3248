// Roster is what a launcher tells every worker of a run: the program's name, its fingerprint and
// its tasks. It lies in the run directory; where that is and which task is whose says
// LAUNCHPAD_WORKER, as an Assignment. Values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/base/result.h"

namespace lp::run {

// The file in the run directory.
inline constexpr const char* kRosterName = "roster";

struct Roster {
  std::string program;
  std::string fingerprint;
  std::vector<std::string> labels;  // By the tasks' numbers, as are the indices.
  std::vector<int> indices;
  std::vector<std::string> inner{};  // Names of the nodes inside of tasks; their numbers follow.

  std::string encode() const;
  // DATA_LOSS for what no launcher wrote.
  static Result<Roster> decode(std::string_view content);
  std::vector<std::string> names() const;
};

// A worker's place in its run, as the environment carries it:
// "2:control:listening:token:task:directory"; with nodes inside of it listening is "4,7=9": number
// 7 listens at descriptor 9.
struct Assignment {
  int control = -1;    // Descriptors that it inherits.
  int listening = -1;  // -1: the task does not serve.
  int token = -1;      // Where the run's token is.
  size_t task = 0;
  std::string run_dir;
  std::map<int, int> inner{};  // Descriptors where nodes inside of the task listen, by number.

  std::string encode() const;
  // INVALID_ARGUMENT for a value that no launcher (of this version) wrote.
  static Result<Assignment> decode(std::string_view value);
};

}  // namespace lp::run
