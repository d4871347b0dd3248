// lp::main and lp::launch: a C++ program's way in. In the process that the user starts they launch;
// in a worker, which is the same binary started again, they draw the same program, compare it with
// the launcher's, run this worker's node and end the process. Called once at a time, on any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "launchpad/graph/check.h"
#include "launchpad/graph/program.h"
#include "launchpad/launch/launcher.h"

namespace lp {

using launching::LaunchType;
// How a program is launched, e.g. launch(program, {.type = LaunchType::kLocalProcesses}).
using LaunchOptions = launching::Options;

// What is wrong with the program, and with what the options ask of this machine for it: what a
// launch refuses (errors), and what may go wrong later (warnings). Every launch looks for it.
Report check(const Program& program, const LaunchOptions& options);

// Runs the program until every node has ended. Errors: bad drawing, or the first failing node with
// its name, reason and trace. Does not return in a worker process.
Status launch(const Program& program, LaunchOptions options = {});
// The same without waiting: for tests, which watch the Run.
Result<std::unique_ptr<launching::Run>> start(const Program& program, LaunchOptions options = {});

// Parses --lp_launch_type, --lp_termination_notice_secs, --lp_run_dir, --lp_terminal,
// --tmux_session_name, --tmux_open_window and --lp_dry_run (others are the program's own: `make`
// may look at argv), launches what `make` draws, prints what went wrong. The exit status: 0, 1 for
// a failure, 2 for bad flags.
int main(int argc, char** argv, const std::function<Program()>& make);

// The main of a binary that only holds exported nodes (LP_EXPORT_NODE). Outside a worker process: a
// hint, 2.
int worker_main();

// The node's program stops; from any thread of a node. Throws Error outside of a running program.
void stop();
// True: the program is stopping. False: the timeout passed first. From any thread of a node.
bool wait_for_stop(std::optional<base::Nanos> timeout = std::nullopt);
// The stop as an object: `requested`, `wait`, `add_handler`.
std::shared_ptr<run::StopSignal> stop_event();
// `handler` is called once when the program stops, on a thread of the launcher's, which carries the
// calling node's context; after the stop, at once. The number takes it back. What it throws is
// logged, and does not keep others from being called.
uint64_t register_stop_handler(std::function<void()> handler);
// Afterwards it is not called: waits for one that is running. An unknown number is ignored.
void unregister_stop_handler(uint64_t number);
// A function for a node's arguments that stops the program.
ProgramStopper make_program_stopper();

}  // namespace lp
