// A program drawn in C++ with a node in Python, which call each other. The Python node is the class
// Policy in examples/python/policy.py. Prints, at last: "Policy says left 2, right 4; left is
// good".
#include <launchpad/launchpad.h>

#include <iostream>
#include <map>
#include <string>

// What the Python class offers.
struct Policy {
  std::map<std::string, double> act(lp::Tensor observation);
  std::string judged(std::string action);
  using courier_methods = lp::Methods<&Policy::act, &Policy::judged>;
};

class Judge {
 public:
  bool likes(std::string action) { return action == "left"; }
  using courier_methods = lp::Methods<&Judge::likes>;
};

void ask(lp::Client<Policy> policy, lp::StopFn stop) {
  auto action = policy.call<&Policy::act>(lp::Tensor::of<double>({2}, {1.0, 2.0}));
  std::cout << "Policy says left " << action["left"] << ", right " << action["right"] << "; "
            << policy.call<&Policy::judged>("left") << std::endl;
  stop();
}

lp::Program make_program() {
  lp::Program program("python_node");
  const auto judge = program.add_node(lp::CourierNode<Judge>(), "judge");
  const auto policy =
      program.add_node(lp::PythonNode<Policy>("policy:Policy", 2.0,
                                              std::vector<std::string>{"left", "right"}, judge),
                       "policy");
  program.add_node(lp::FunctionNode(ask, policy, lp::make_program_stopper()), "asker");
  return program;
}

int main(int argc, char** argv) { return lp::main(argc, argv, make_program); }
