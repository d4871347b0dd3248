// PyNode: the lp::Node behind every node that is drawn in Python. Its functions are Python's,
// called with the GIL taken. Set up by one thread before the launch.
#pragma once

#include <nanobind/nanobind.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bindings/gil.h"
#include "launchpad/graph/program.h"

namespace lp::bindings {

namespace nb = nanobind;

class PyNode : public Node {
 public:
  PyNode(std::string kind, bool serves) : kind_name(std::move(kind)), serves_calls(serves) {}

  std::string kind() const override { return kind_name; }
  bool serves() const override { return serves_calls; }
  int pool() const override { return thread_pool_size; }
  void run(NodeContext& context) override;
  std::optional<graph::Command> command() const override { return command_; }
  bool runs_in_process() const override { return !always_process_; }
  Result<std::string> payload(const run::Context& context) const override;
  graph::Inputs inner() const override { return inner_; }

  void set_inner(const std::vector<std::shared_ptr<PyNode>>& nodes);
  void set_inputs(const std::vector<std::shared_ptr<PyNode>>& nodes);
  // It runs as a thread, by calling the function; set_command: as a process. The later one holds.
  void set_entry(nb::object function);
  void set_command(std::vector<std::string> argv, std::map<std::string, std::string> env,
                   std::string cwd);
  // Which CPUs it may run on and where it prints: graph::Command. After set_command.
  void set_place(std::vector<int> cpus, std::string output);
  void set_payload(nb::object function);
  void set_always_process(bool value) { always_process_ = value; }

  std::string kind_name;
  bool serves_calls;
  int thread_pool_size = 0;  // 0: the program chose none.

 private:
  graph::Inputs inner_;
  SharedRef entry_;
  SharedRef payload_;
  std::optional<graph::Command> command_;
  bool always_process_ = false;
};

}  // namespace lp::bindings
