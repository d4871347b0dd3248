// Slot is a node's place in a program: what its handles share with it. Filled in when the node is
// added. Drawing is done by one thread; afterwards a slot does not change.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace lp {

class Program;

namespace graph {

struct Slot {
  bool added() const { return number >= 0; }
  std::string name() const { return label + "/" + std::to_string(index); }

  const void* program = nullptr;  // Identity of the program that it was added to.
  std::string label;
  int index = 0;
  int number = -1;  // The task's, in the plan.
};

using SlotPtr = std::shared_ptr<Slot>;
using Inputs = std::vector<SlotPtr>;

}  // namespace graph
}  // namespace lp
