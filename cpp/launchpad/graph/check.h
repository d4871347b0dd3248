// check: looks at a program before it is launched. Pure; any thread. What makes a launch impossible
// is an error, what may go wrong later a warning. It knows no machine and no language: whether a
// node pickles, or finds the CPUs that it asks for, is checked where that is known.
#pragma once

#include <string>
#include <vector>

#include "launchpad/graph/plan.h"

namespace lp {

class Program;

namespace graph {

// Something that is wrong with a program, or may go wrong.
struct Finding {
  bool error = false;  // Else a warning.
  std::string node;    // "label/index"; empty: the program as a whole.
  std::string what;    // What is wrong.
  std::string mend;    // What to do.
};

// What check found.
struct Report {
  bool ok() const;  // There is no error.
  // A line for each finding, and one more for what to do.
  std::string text() const;

  std::vector<Finding> findings;  // All, in the order of the program's nodes.
};

// Cycles of calls among tasks of bounded pools; each such task is in one of them at most, the
// shortest through the first of its tasks. A task that calls itself is a cycle of one.
std::vector<std::vector<int>> bounded_cycles(const Plan& plan);

Report check(const Plan& plan);

}  // namespace graph

// What check returns.
using graph::Report;

// What is wrong with the program: what Program::plan refuses, and what check(Plan) finds.
Report check(const Program& program);

}  // namespace lp
