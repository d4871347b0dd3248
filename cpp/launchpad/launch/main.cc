#include "launchpad/launch/main.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "launchpad/courier/serve.h"
#include "launchpad/graph/draw.h"
#include "launchpad/graph/exports.h"
#include "launchpad/run/worker.h"
#include "launchpad/wire/frame_bytes.h"

namespace lp {
namespace {

// The process's own command line, as the kernel keeps it: to start it again.
std::vector<std::string> own_command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> argv;
  for (std::string argument; std::getline(file, argument, '\0');) argv.push_back(argument);
  return argv;
}

// Ends a worker without running what belongs to the launcher's side of main.
[[noreturn]] void end_worker(int status) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  ::_exit(status);
}

std::unique_ptr<run::Worker> inherited_worker() {
  auto worker = run::Worker::from_environment();
  if (worker.ok()) return std::move(worker).value();
  std::cerr << "launchpad: " << worker.error().message << std::endl;
  end_worker(2);
}

int fail_worker(run::Worker& worker, Error error) {
  worker.report_failure(error);
  return 1;
}

using Entry = std::function<void(std::shared_ptr<const run::Context>)>;

// A node of the program that this process has drawn again.
int run_drawn(run::Worker& worker, const Program& program) {
  auto plan = program.plan();
  if (!plan.ok()) return fail_worker(worker, plan.error());
  const auto number = static_cast<size_t>(worker.context()->task);
  if (plan->fingerprint() != worker.fingerprint() || number >= plan->tasks.size()) {
    return fail_worker(
        worker,
        Error(Code::kFailedPrecondition,
              "this process drew another program than its launcher: a program must be drawn the "
              "same in every process, so its nodes must not depend on the environment, on random "
              "numbers or on time, only on the command line"));
  }
  return run::run_worker(worker, plan->tasks[number].entry, courier::describe_current_exception);
}

// A node that a program of another language asked for by its class's name.
int run_exported(run::Worker& worker, const std::string& bytes) {
  auto frame = wire::frame_from_bytes(bytes);
  if (!frame.ok()) return fail_worker(worker, frame.error());
  const graph::ExportedNode* node = graph::find_exported(frame->method);
  if (node == nullptr) {
    return fail_worker(
        worker, Error(Code::kNotFound, "no class '" + frame->method +
                                           "' is exported here (LP_EXPORT_NODE); there is: " +
                                           graph::exported_names()));
  }
  const Entry entry = [&](std::shared_ptr<const run::Context> context) {
    NodeContext node_context(std::move(context));
    (*node)(node_context, frame->payload);
  };
  return run::run_worker(worker, entry, courier::describe_current_exception);
}

[[noreturn]] void serve_as_worker(const std::function<Program()>& make) {
  const auto worker = inherited_worker();
  auto payload = worker->payload();
  if (!payload.ok()) end_worker(fail_worker(*worker, payload.error()));
  if (!payload->empty()) end_worker(run_exported(*worker, *payload));
  if (!make) {
    end_worker(fail_worker(*worker, Error(Code::kInvalidArgument, "this binary draws no program")));
  }
  try {
    const Program program = make();
    end_worker(run_drawn(*worker, program));
  } catch (...) {
    end_worker(fail_worker(*worker, courier::describe_current_exception()));
  }
}

std::shared_ptr<const run::Context> context_or_throw(const char* what) {
  auto context = run::current_context();
  if (context == nullptr) {
    throw_error(Error(Code::kFailedPrecondition,
                      std::string(what) + " works only in a node of a running program"));
  }
  return context;
}

struct Flags {
  std::string launch_type = "local_mt";
  double termination_notice_secs = 10;
  std::string run_dir;
  launching::TerminalOptions terminal;
  bool dry_run = false;
};

void define(CLI::App& app, Flags& flags) {
  app.allow_extras();
  app.add_option("--lp_launch_type", flags.launch_type, "local_mt, local_mp, test_mt or test_mp")
      ->capture_default_str();
  app.add_option(
         "--lp_termination_notice_secs", flags.termination_notice_secs,
         "How long nodes may take to stop before they are killed; 0: no time, negative: any")
      ->capture_default_str();
  app.add_option("--lp_run_dir", flags.run_dir, "Where run directories are made");
  app.add_option(
      "--lp_terminal", flags.terminal.name,
      "Where the nodes of local_mp print: " + CLI::detail::join(launching::terminal_names(), ", "));
  app.add_option("--tmux_session_name", flags.terminal.tmux_session_name,
                 "The session of tmux_session; if it is taken, with _0, _1 and so on behind it")
      ->capture_default_str();
  app.add_flag("--tmux_open_window", flags.terminal.tmux_open_window,
               "A launcher that runs inside tmux switches to the session of its nodes");
  app.add_flag("--lp_dry_run", flags.dry_run,
               "Checks the program, prints what is wrong and the graph, and launches nothing");
}

Result<LaunchOptions> to_options(const Flags& flags) {
  LaunchOptions options;
  LP_TRY_ASSIGN(options.type, launching::parse_launch_type(flags.launch_type));
  options.termination_notice =
      std::chrono::milliseconds(std::llround(flags.termination_notice_secs * 1000));
  options.run_dir = flags.run_dir;
  options.terminal = flags.terminal;
  LP_TRY(launching::chosen_terminal(options.terminal.name, launching::current_environment()));
  return options;
}

// What --lp_dry_run prints. The exit status.
int print_plan(const Program& program, const LaunchOptions& options) {
  const Report report = check(program, options);
  std::cout << report.text();
  if (!report.ok()) return 1;
  std::cout << draw(program).value_or_throw() << std::flush;
  return 0;
}

}  // namespace

Report check(const Program& program, const LaunchOptions& options) {
  auto plan = program.plan();
  return plan.ok() ? launching::check(*plan, options.resources) : check(program);
}

Result<std::unique_ptr<launching::Run>> start(const Program& program, LaunchOptions options) {
  if (run::is_worker_process()) {
    const auto worker = inherited_worker();
    end_worker(run_drawn(*worker, program));
  }
  LP_TRY_ASSIGN(graph::Plan plan, program.plan());
  const Report report = launching::check(plan, options.resources);
  if (!report.ok()) return Error(Code::kInvalidArgument, report.text());
  std::cerr << report.text();
  if (options.self_argv.empty()) options.self_argv = own_command_line();
  return launching::launch(std::move(plan), std::move(options));
}

Status launch(const Program& program, LaunchOptions options) {
  LP_TRY_ASSIGN(const auto run, start(program, std::move(options)));
  return run->wait();
}

int main(int argc, char** argv, const std::function<Program()>& make) {
  if (run::is_worker_process()) serve_as_worker(make);
  Flags flags;
  CLI::App app("A Launchpad program.");
  define(app, flags);
  CLI11_PARSE(app, argc, argv);
  auto options = to_options(flags);
  if (!options.ok()) {
    std::cerr << options.error().message << std::endl;
    return 2;
  }
  try {
    const Program program = make();
    if (flags.dry_run) return print_plan(program, *options);
    const Status ended = launch(program, std::move(options).value());
    if (ended.ok()) return 0;
    std::cout.flush();
    std::cerr << ended.error().message << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "launchpad: " << error.what() << std::endl;
  }
  return 1;
}

int worker_main() {
  if (run::is_worker_process()) serve_as_worker(nullptr);
  std::cerr << "This binary holds nodes for Launchpad programs: " << graph::exported_names()
            << ". Add one with lp.CppNode(path, name, arguments...)." << std::endl;
  return 2;
}

void stop() { context_or_throw("lp::stop")->request_stop(); }

bool wait_for_stop(std::optional<base::Nanos> timeout) {
  return context_or_throw("lp::wait_for_stop")
      ->stop->wait(timeout ? base::Deadline::after(*timeout) : base::Deadline());
}

std::shared_ptr<run::StopSignal> stop_event() { return context_or_throw("lp::stop_event")->stop; }

uint64_t register_stop_handler(std::function<void()> handler) {
  auto context = context_or_throw("lp::register_stop_handler");
  const auto stop = context->stop;
  return stop->add_handler([context = std::move(context), handler = std::move(handler)] {
    const run::ScopedContext scope(context);
    handler();
  });
}

void unregister_stop_handler(uint64_t number) {
  context_or_throw("lp::unregister_stop_handler")->stop->remove_handler(number);
}

ProgramStopper make_program_stopper() { return ProgramStopper(); }

}  // namespace lp
