// A method whose results arrive while they are made: a trainer tells of each step, and ends once
// its watcher has seen enough.
//
//   ./dev example streaming
#include <launchpad/launchpad.h>

#include <iostream>
#include <utility>

class Trainer {
 public:
  // A step and its loss, for ever: it goes no further ahead than it is listened to.
  lp::Stream<std::pair<int, double>> train(double x) {
    for (int step = 1;; ++step) {
      const double error = x * x - 2;
      co_yield {step, error * error};
      x -= 0.1 * error * x;
    }
  }

  using courier_methods = lp::Methods<&Trainer::train>;
};

void watch(lp::Client<Trainer> trainer, lp::StopFn stop) {
  for (const auto& [step, loss] : trainer.call<&Trainer::train>(1.0)) {
    std::cout << "Step " << step << ": loss " << loss << std::endl;
    if (loss < 0.01) break;
  }
  stop();
}

lp::Program make_program() {
  lp::Program program("streaming");
  const auto trainer = program.add_node(lp::CourierNode<Trainer>(), "trainer");
  program.add_node(lp::FunctionNode(watch, trainer, lp::make_program_stopper()), "watcher");
  return program;
}

int main(int argc, char** argv) { return lp::main(argc, argv, make_program); }
