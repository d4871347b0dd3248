// A kind of node of one's own, with a handle of its own: a key-value store that other nodes use as
// they would use a map.
//
//   ./dev example own_node
#include <launchpad/launchpad.h>

#include <iostream>
#include <map>
#include <mutex>
#include <string>

// What the node runs: answers calls, several at the same time.
class Store {
 public:
  int get(std::string key) const {
    const std::lock_guard lock(mutex_);
    return values_.at(key);
  }
  void set(std::string key, int value) {
    const std::lock_guard lock(mutex_);
    values_[key] = value;
  }
  using courier_methods = lp::Methods<&Store::get, &Store::set>;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> values_;
};

class KeyValueNode : public lp::Node {
 public:
  explicit KeyValueNode(std::map<std::string, int> initial) : initial_(std::move(initial)) {}

  std::string kind() const override { return "KeyValueNode"; }
  bool serves() const override { return true; }
  void run(lp::NodeContext& context) override {
    Store store;
    for (const auto& [key, value] : initial_) store.set(key, value);
    const auto server = context.serve(store);
    context.wait_for_stop();
    server->stop();
  }
  lp::Handle<Store> create_handle() const { return lp::Handle<Store>(slot()); }

 private:
  std::map<std::string, int> initial_;
};

void count(lp::Client<Store> table) {
  for (int i = 0; i < 3; ++i) {
    table.call<&Store::set>("count", table.call<&Store::get>("count") + 1);
  }
  std::cout << "The count is " << table.call<&Store::get>("count") << std::endl;
  const auto missing = table.result<&Store::get>("missing");
  std::cout << "There is no missing: " << missing.error().remote_type << std::endl;
  lp::stop();
}

lp::Program make_program() {
  lp::Program program("own_node");
  const auto store = std::make_shared<KeyValueNode>(std::map<std::string, int>{{"count", 4}});
  const auto table = program.add_node(store, "store");
  program.add_node(lp::FunctionNode(count, table), "counter");
  return program;
}

int main(int argc, char** argv) { return lp::main(argc, argv, make_program); }
