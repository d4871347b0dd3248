// lp::main and lp::launch: a C++ program's way in. In the process that the user starts they launch;
// in a worker, which is the same binary started again, they draw the same program, compare it with
// the launcher's, run this worker's node and end the process. Called once at a time, on any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "launchpad/graph/program.h"
#include "launchpad/launch/launcher.h"

namespace lp {

using launching::LaunchType;
// How a program is launched, e.g. launch(program, {.type = LaunchType::kLocalProcesses}).
using LaunchOptions = launching::Options;

// Runs the program until every node has ended. Errors: bad drawing, or the first failing node with
// its name, reason and trace. Does not return in a worker process.
Status launch(const Program& program, LaunchOptions options = {});
// The same without waiting: for tests, which watch the Run.
Result<std::unique_ptr<launching::Run>> start(const Program& program, LaunchOptions options = {});

// Parses --lp_launch_type, --lp_termination_notice_secs, --lp_run_dir and --lp_dry_run (others are
// the program's own: `make` may look at argv), launches what `make` draws, prints what went wrong.
// The exit status: 0, 1 for a failure, 2 for bad flags.
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
// A function for a node's arguments that stops the program.
ProgramStopper make_program_stopper();

}  // namespace lp
