// launch() starts a plan's tasks, as threads of this process or as processes, and gives the Run
// that watches them. It sees a Plan, never a Program. Any thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launchpad/graph/plan.h"
#include "launchpad/launch/resources.h"
#include "launchpad/launch/terminal.h"

namespace lp::launching {

class ForkServer;

// How nodes run: as threads or processes, of a program or of a test.
enum class LaunchType { kLocalThreads, kLocalProcesses, kTestThreads, kTestProcesses };

// "local_mt", "local_mp", "test_mt", "test_mp". INVALID_ARGUMENT with the list for another name.
Result<LaunchType> parse_launch_type(std::string_view name);
std::string_view launch_type_name(LaunchType type);

// How a program is launched.
struct Options {
  LaunchType type = LaunchType::kLocalThreads;  // Threads or processes.
  // After the stop was asked for: how long nodes may take to end before they are killed (processes)
  // or left behind (threads). Zero: not at all. Negative: as long as they like.
  std::chrono::milliseconds termination_notice{10'000};
  // Where run directories are made. Empty: LAUNCHPAD_RUN_DIR, XDG_RUNTIME_DIR/launchpad or the
  // temporary folder's launchpad-<uid>.
  std::string run_dir;
  // The launcher's own command line, to start its binary again for tasks without a command.
  std::vector<std::string> self_argv{};
  // A warmed process that forks for the tasks whose command is its own. Null: each is started
  // afresh.
  std::shared_ptr<ForkServer> fork_server{};
  // What the run's nodes prove to each other on tcp connections. None: a new one.
  net::Token token{};
  // How processes are started, by label. A label that no node has: INVALID_ARGUMENT.
  ResourceMap resources{};
  // Where the nodes of local_mp print. Other launch types take no notice of it.
  TerminalOptions terminal{};
  // SIGINT, SIGTERM and SIGQUIT end the run (first: ask to stop; second, or SIGQUIT: kill) from its
  // start until the first wait ends, and while others wait.
  bool handle_signals = true;
  // Run first on each thread that runs a task in this process.
  std::function<void()> on_thread_start{};
  // The same, last.
  std::function<void()> on_thread_end{};
  // What the exception being handled, thrown by a task of this process, says. Default: courier's
  // description.
  std::function<Error()> describe_exception{};
};

// A program that was started. Any thread. Its end stops the program and waits for it.
class Run {
 public:
  virtual ~Run() = default;

  // Until every node has ended. The error is the first failing node's: its name, the reason and the
  // trace, for humans, in `message`; `remote_type`, `remote_trace` and `remote_data` if it raised
  // an exception.
  virtual Status wait() = 0;
  // The same for the nodes of some labels (an unknown label: INVALID_ARGUMENT); a failure of any
  // node ends it.
  virtual Status wait_for(const std::vector<std::string>& labels) = 0;
  // The same until the first node of some labels has ended; no labels: of all.
  virtual Status wait_for_first(const std::vector<std::string>& labels) = 0;
  // The first failure so far; does not wait.
  virtual Status failure() = 0;
  // Asks every node to stop. Returns at once; nodes that do not end in time are killed or left
  // behind.
  virtual void stop() = 0;
  // Ends every process at once.
  virtual void kill() = 0;
  // Whether every node has ended.
  virtual bool done() const = 0;
  // The stop, as an object to wait for.
  virtual std::shared_ptr<run::StopSignal> stop_signal() = 0;
};

// Starts all tasks. Errors: a run directory that cannot be made or is too long for a Unix socket, a
// command that cannot be started, a payload that cannot be made; then nothing is left running.
Result<std::unique_ptr<Run>> launch(graph::Plan plan, Options options);

}  // namespace lp::launching
