// A launcher for the tests that kill, interrupt or listen to one:
//   launcher_test_program type run_dir notice_ms "label behaviour arguments..."...
// Each node is a node_test_program. Prints "started" to standard error once it waits,
// then the failure. With LP_TEST_FORKS in its environment nodes are forks, and it prints the fork
// server's "pid".
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "launchpad/launch/fork_server.h"
#include "launchpad/launch/launcher.h"

namespace {

lp::graph::Plan parse_plan(int argc, char** argv) {
  lp::graph::Plan plan;
  plan.program = "test";
  std::map<std::string, int> count;
  for (int i = 4; i < argc; ++i) {
    std::istringstream words(argv[i]);
    lp::graph::Task task;
    words >> task.label;
    task.number = i - 4;
    task.index = count[task.label]++;
    task.serves = true;
    const std::string self = argv[0];
    lp::graph::Command command;
    command.argv = {self.substr(0, self.rfind('/')) + "/node_test_program"};
    if (std::getenv("LP_TEST_FORKS") != nullptr) {
      command.argv.push_back("env");
      std::getline(words, command.env["LP_TEST_NODE"]);
    }
    for (std::string word; words >> word;) command.argv.push_back(word);
    task.command = command;
    plan.tasks.push_back(std::move(task));
  }
  return plan;
}

}  // namespace

int main(int argc, char** argv) {
  lp::launching::Options options;
  options.type = lp::launching::parse_launch_type(argv[1]).value();
  options.run_dir = argv[2];
  options.termination_notice = std::chrono::milliseconds(std::atoi(argv[3]));
  lp::graph::Plan plan = parse_plan(argc, argv);
  if (std::getenv("LP_TEST_FORKS") != nullptr) {
    lp::launching::ForkServerOptions server;
    server.command.argv = plan.tasks.at(0).command->argv;
    options.fork_server = lp::launching::ForkServer::start(server).value_or_throw();
    std::cout << "pid " << options.fork_server->pid() << std::endl;
  }
  auto run = lp::launching::launch(std::move(plan), options);
  if (!run.ok()) {
    std::cerr << run.error().message << std::endl;
    return 2;
  }
  std::cerr << "started" << std::endl;
  const lp::Status ended = (*run)->wait();
  if (!ended.ok()) std::cerr << ended.error().message << std::endl;
  return ended.ok() ? 0 : 1;
}
