// A program that waits for its own end in several ways: a node that works until the stop, one that
// asks for it, and a handler that is called then.
//
//   ./dev example program_wait
#include <launchpad/launchpad.h>

#include <atomic>
#include <iostream>

class Worker {
 public:
  void run() {
    lp::stop_event()->add_handler([this] { handled_ = true; });
    while (!lp::wait_for_stop(std::chrono::milliseconds(1))) ++steps_;
    // Handlers run at the stop, on a thread of the library's.
    lp::stop_event()->wait_for_handlers();
    std::cout << "The worker heard the stop; its handler was called: " << std::boolalpha
              << handled_.load() << std::endl;
  }
  int steps() { return steps_; }
  using courier_methods = lp::Methods<&Worker::steps>;

 private:
  std::atomic<int> steps_ = 0;
  std::atomic<bool> handled_ = false;
};

void watch(lp::Client<Worker> worker) {
  while (worker.call<&Worker::steps>() < 10) {
  }
  std::cout << "Asking for the stop" << std::endl;
  lp::stop();
}

lp::Program make_program() {
  lp::Program program("program_wait");
  const auto worker = program.add_node(lp::CourierNode<Worker>(), "worker");
  program.add_node(lp::FunctionNode(watch, worker), "watcher");
  return program;
}

int main(int argc, char** argv) { return lp::main(argc, argv, make_program); }
