// Plan is a program, drawn and checked, as a launcher sees it: tasks and the edges between them. A
// frozen value. It knows nothing of nodes' types; what a task runs is a function here or a command
// elsewhere.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launchpad/run/context.h"

namespace lp::graph {

// A process to start for a task.
struct Command {
  std::vector<std::string> argv;           // The program and its arguments.
  std::map<std::string, std::string> env;  // Added to the launcher's own environment.
  std::string cwd;                         // Empty: the launcher's.
  std::vector<int> cpus{};                 // Those that it may run on. Empty: the launcher's.
  // Where it prints: a file, made or emptied, or a terminal, which it reads as well. Empty: the
  // launcher's own output, each line behind the task's name; "-": the same, as it is.
  std::string output{};
};

struct Task {
  std::string name() const { return label + "/" + std::to_string(index); }

  int number = 0;  // Its place in Plan::tasks.
  std::string label;
  int index = 0;            // Among the tasks of that label.
  std::string kind;         // What it is, e.g. "CourierNode<Producer>"; part of the fingerprint.
  bool serves = false;      // It listens at an address of its own.
  std::vector<int> inputs;  // Numbers of the tasks that it calls.
  int pool = 0;             // Calls that it runs at the same time, where the program chose; or 0.
  std::string where{};      // "file:line" where its node was added.

  // Runs the task on the calling thread until it is done; throws what the node throws. Null: it
  // cannot run inside the launcher's process.
  std::function<void(std::shared_ptr<const run::Context>)> entry;
  // How to start it as a process of its own. None: the launcher's own binary, started again.
  std::optional<Command> command;
  // What the command reads to know what to run: the content of a file in the run directory.
  // Made when a process is about to be started (it may be costly), with a context that knows the
  // addresses of the run; null: nothing.
  std::function<Result<std::string>(const run::Context&)> payload;
};

// A node inside of a task: it listens at an address of its own, whose number follows the tasks'.
struct Inner {
  int host = 0;  // The task's number.
  std::string name;
};

struct Plan {
  std::string program;
  std::vector<Task> tasks;
  std::vector<Inner> inner{};  // Number tasks.size() and so on; those of one host side by side.

  // Two processes that drew the same program have the same one: label, kind and edges of each task,
  // hashed (FNV-1a, 64 bits, as 16 hexadecimal digits).
  std::string fingerprint() const;
  std::vector<std::string> task_names() const;
  // By numbers: of the tasks and of the nodes inside of them.
  std::vector<std::string> all_names() const;
};

}  // namespace lp::graph
