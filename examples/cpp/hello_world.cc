// The smallest program: one node that prints a greeting.
//
//   ./dev example hello_world
#include <launchpad/launchpad.h>

#include <iostream>

class HelloWorld {
 public:
  void run() { std::cout << "Hello World!!!" << std::endl; }
};

lp::Program make_program() {
  lp::Program program("hello_world");
  program.add_node(lp::CourierNode<HelloWorld>(), "hello_printer");
  return program;
}

int main(int argc, char** argv) { return lp::main(argc, argv, make_program); }
