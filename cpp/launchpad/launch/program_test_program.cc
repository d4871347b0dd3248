// A C++ program for the tests of lp::main: does what its arguments say, e.g. `throw` in a node.
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <iostream>
#include <stdexcept>
#include <string>

#include "launchpad/launchpad.h"

namespace {

class Echo {
 public:
  std::string same(std::string text) { return text; }
  int broken(int number) { throw std::out_of_range("no " + std::to_string(number)); }
  using courier_methods = lp::Methods<&Echo::same, &Echo::broken>;
};

// A kind of node of the program's own, with a handle of its own.
class Greeting final : public lp::Node {
 public:
  explicit Greeting(lp::Handle<Echo> echo) : echo_(std::move(echo)) { track(echo_); }
  std::string kind() const override { return "Greeting"; }
  void run(lp::NodeContext& context) override {
    std::cout << echo_.dereference().call<&Echo::same>("greetings from ") << context.name()
              << std::endl;
    context.stop_program();
  }
  lp::NodeRef create_handle() const { return lp::NodeRef(slot()); }

 private:
  lp::Handle<Echo> echo_;
};

void handle_the_stop() {
  std::promise<void> called;
  const uint64_t number = lp::register_stop_handler([&] {
    std::cout << "handler of " << lp::run::current_context()->name() << std::endl;
    called.set_value();
  });
  lp::unregister_stop_handler(lp::register_stop_handler([] { std::cout << "no!" << std::endl; }));
  lp::stop();
  called.get_future().wait();
  lp::unregister_stop_handler(number);
  lp::register_stop_handler([] { std::cout << "a late one, at once" << std::endl; });
}

void work(const std::string& what, const lp::Client<Echo>& echo, const lp::StopFn& stop) {
  if (what == "throw") throw std::invalid_argument("bad luck");
  if (what == "exit") ::_exit(3);
  if (what == "kill") ::kill(::getpid(), SIGKILL);
  if (what == "remote") {
    try {
      echo.call<&Echo::broken>(7);
    } catch (const lp::RemoteError& error) {
      std::cout << error.remote_type << ": " << error.message << std::endl;
    }
  }
  if (what == "event") {
    lp::stop_event()->add_handler([] { std::cout << "stop heard" << std::endl; });
    if (lp::wait_for_stop(std::chrono::milliseconds(0))) throw std::logic_error("stopped early");
    lp::stop();
    lp::wait_for_stop();
    return;
  }
  if (what == "handler") {
    handle_the_stop();
    return;
  }
  std::cout << echo.call<&Echo::same>("done") << std::endl;
  stop();
}

lp::Program make_program(const std::string& what) {
  lp::Program program("test");
  const auto echo = program.add_node(lp::CourierNode<Echo>(), "echo");
  if (what == "kind") {
    program.add_node(std::make_shared<Greeting>(echo), "greeter");
    return program;
  }
  program.add_node(lp::FunctionNode(work, what, echo, lp::make_program_stopper()), "worker");
  // Another program in each process: its processes must notice.
  if (what == "differ") {
    program.add_node(lp::FunctionNode([] {}), "node_of_" + std::to_string(::getpid()));
  }
  return program;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "twice") {
    // A worker runs its node at the first launch and does not come back.
    lp::LaunchOptions options;
    options.type = lp::LaunchType::kLocalThreads;
    for (int i = 0; i < 2; ++i) {
      if (!lp::launch(make_program("calls"), options).ok()) return 1;
    }
    return 0;
  }
  if (what == "cpus") {
    lp::LaunchOptions options;
    options.resources["worker"].cpus = {100'000};
    options.resources["echo"].gpus = {{1000}};
    options.resources["nobody"] = {};
    const lp::Status status = lp::launch(make_program("calls"), options);
    std::cerr << (status.ok() ? "" : status.error().message);
    return status.ok() ? 0 : 1;
  }
  return lp::main(argc, argv, [&] { return make_program(what); });
}
