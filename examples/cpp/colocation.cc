// Nodes that share a process: a store and its writer run as threads of one node, and a reader
// elsewhere calls the store as any other node.
//
//   ./dev example colocation
#include <launchpad/launchpad.h>

#include <iostream>
#include <mutex>

class Store {
 public:
  void put(int value) {
    const std::lock_guard lock(mutex_);
    sum_ += value;
  }
  int sum() {
    const std::lock_guard lock(mutex_);
    return sum_;
  }
  using courier_methods = lp::Methods<&Store::put, &Store::sum>;

 private:
  std::mutex mutex_;
  int sum_ = 0;
};

void fill(lp::Client<Store> store) {
  for (int i = 1; i <= 4; ++i) store.call<&Store::put>(i);
}

void watch(lp::Client<Store> store, lp::StopFn stop) {
  while (store.call<&Store::sum>() < 10) {
  }
  std::cout << "The sum is " << store.call<&Store::sum>() << std::endl;
  stop();
}

lp::Program make_program() {
  lp::Program program("colocation");
  lp::CourierNode<Store> store;
  lp::Colocation together(store, lp::FunctionNode(fill, store.create_handle()));
  program.add_node(together, "together");
  program.add_node(lp::FunctionNode(watch, store.create_handle(), lp::make_program_stopper()),
                   "reader");
  return program;
}

int main(int argc, char** argv) { return lp::main(argc, argv, make_program); }
