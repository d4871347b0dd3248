#include "launchpad/launch/launcher.h"

#include <fcntl.h>

#include <array>
#include <atomic>

#include "launchpad/launch/local_run.h"
#include "launchpad/net/unix_socket.h"
#include "launchpad/run/roster.h"
#include "launchpad/run/worker.h"

namespace lp::launching {
namespace {

constexpr std::array<std::pair<std::string_view, LaunchType>, 4> kTypes = {{
    {"local_mt", LaunchType::kLocalThreads},
    {"local_mp", LaunchType::kLocalProcesses},
    {"test_mt", LaunchType::kTestThreads},
    {"test_mp", LaunchType::kTestProcesses},
}};

bool uses_threads(LaunchType type) {
  return type == LaunchType::kLocalThreads || type == LaunchType::kTestThreads;
}

// A node of the other language is a process in every launch type.
bool is_process(const graph::Task& task, LaunchType type) {
  return !uses_threads(type) || task.command.has_value();
}

Error named(const graph::Task& task, Error error) {
  error.message = "node '" + task.name() + "' cannot be started: " + error.message;
  return error;
}

// Under a number that nothing in a fork server is called: it is the same in every node.
Result<base::Fd> far_out_of_the_way(base::Fd fd) {
  constexpr int kFar = 200;
  base::Fd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFar));
  if (moved.valid()) return moved;
  return out_of_the_way(std::move(fd));  // So many are not allowed.
}

// Makes the Preparation of a plan, step by step.
class Preparing {
 public:
  Preparing(graph::Plan plan, Options options)
      : plan_(std::move(plan)), options_(std::move(options)), environment_(current_environment()) {
    result_.names = plan_.task_names();
    task_names_ = std::make_shared<const std::vector<std::string>>(plan_.all_names());
    result_.notice = options_.termination_notice;
    result_.fork_server = options_.fork_server;
  }

  Result<Preparation> prepare(const std::shared_ptr<RunState>& state);

 private:
  // The directory, if any task is a process; says where tasks listen.
  Status place();
  std::shared_ptr<run::Context> make_context(size_t number, const RunState& state) const;
  // Says where processes print that have no place of their own.
  Status open_terminal();
  Result<ProcessStart> prepare_process(size_t number, const run::Context& context);
  ThreadStart prepare_thread(size_t number, std::shared_ptr<const run::Context> context);
  // The numbers of the nodes inside of a task.
  std::vector<size_t> inner_of(size_t number) const;
  Result<base::Fd> bind(size_t number);
  Result<std::unique_ptr<net::Listener>> listen(size_t number, const run::Context& context);
  std::shared_ptr<const run::Context> launcher_context(const RunState& state) const;
  std::shared_ptr<run::Context> make_bare_context(const RunState& state) const;
  Status write_file(const std::string& name, std::string_view content);
  run::Roster roster() const;

  graph::Plan plan_;
  Options options_;
  Environment environment_;
  Preparation result_;
  std::shared_ptr<const std::vector<std::string>> task_names_;
  std::string prefix_, suffix_;
};

Result<Preparation> Preparing::prepare(const std::shared_ptr<RunState>& state) {
  for (const graph::Task& task : plan_.tasks) {
    if (is_process(task, options_.type) || task.entry) continue;
    return named(task, Error(Code::kInvalidArgument, "it has neither a function nor a command"));
  }
  LP_TRY(check(options_.resources, plan_));
  LP_TRY(chosen_terminal(options_.terminal.name, environment_));
  if (options_.type == LaunchType::kLocalProcesses) {
    LP_TRY_ASSIGN(result_.terminal, make_terminal(options_.terminal, environment_));
  }
  if (!options_.token) options_.token = net::Token::mint();
  LP_TRY(place());
  for (size_t number = 0; number < plan_.tasks.size(); ++number) {
    const auto context = make_context(number, *state);
    if (is_process(plan_.tasks[number], options_.type)) {
      Result<ProcessStart> start = prepare_process(number, *context);
      if (!start.ok()) return named(plan_.tasks[number], start.error());
      result_.processes.push_back(std::move(start).value());
    } else {
      if (plan_.tasks[number].serves) {
        LP_TRY_ASSIGN(*context->bound, listen(number, *context));
      }
      for (const size_t inner : inner_of(number)) {
        LP_TRY_ASSIGN((*context->inner)[static_cast<int>(inner)], listen(inner, *context));
      }
      result_.threads.push_back(prepare_thread(number, context));
    }
  }
  result_.context = launcher_context(*state);
  // Last, so that no window opens for a program that cannot start.
  LP_TRY(open_terminal());
  return std::move(result_);
}

Status Preparing::open_terminal() {
  if (result_.terminal == nullptr) return {};
  std::vector<ProcessStart*> starts;
  std::vector<std::string> names;
  for (ProcessStart& start : result_.processes) {
    if (start.output.valid()) continue;
    starts.push_back(&start);
    names.push_back(plan_.tasks[start.task].name());
  }
  LP_TRY_ASSIGN(const auto outputs, result_.terminal->open(names));
  for (size_t i = 0; i < starts.size(); ++i) {
    if (outputs[i].empty()) continue;
    auto opened = open_output(outputs[i]);
    if (!opened.ok()) return named(plan_.tasks[starts[i]->task], opened.error());
    starts[i]->output = std::move(opened).value();
  }
  return {};
}

Status Preparing::place() {
  bool processes = false;
  for (const graph::Task& task : plan_.tasks) processes |= is_process(task, options_.type);
  if (!processes) {
    // Two programs in one process must not meet.
    static std::atomic<uint64_t> count{0};
    prefix_ = "inproc:run" + std::to_string(++count) + "/";
    return {};
  }
  LP_TRY_ASSIGN(run::RunDir directory,
                run::RunDir::make(options_.run_dir, plan_.tasks.size() + plan_.inner.size()));
  prefix_ = "unix:" + directory.path() + "/";
  suffix_ = ".sock";
  result_.run_dir_files.push_back(directory.path() + "/lock");
  result_.run_dir.emplace(std::move(directory));
  LP_TRY_ASSIGN(base::Fd token, options_.token.hand_down());
  LP_TRY_ASSIGN(result_.token, far_out_of_the_way(std::move(token)));
  return write_file(run::kRosterName, roster().encode());
}

Result<ProcessStart> Preparing::prepare_process(size_t number, const run::Context& context) {
  const graph::Task& task = plan_.tasks[number];
  ProcessStart start;
  start.task = number;
  graph::Command command = task.command.value_or(graph::Command{});
  const auto resources = options_.resources.find(task.label);
  if (resources != options_.resources.end())
    command = with_resources(std::move(command), resources->second);
  if (!task.command) command.argv = options_.self_argv;
  LP_TRY_ASSIGN(start.executable, task.command ? launching::prepare(command, environment_)
                                               : prepare_self(command, environment_));
  start.names_lines = command.output != "-";
  if (!command.output.empty() && start.names_lines) {
    LP_TRY_ASSIGN(start.output, open_output(command.output));
  }
  if (task.payload) {
    LP_TRY_ASSIGN(const std::string payload, task.payload(context));
    LP_TRY(write_file(run::RunDir::payload_name(number), payload));
  }
  if (task.serves) {
    LP_TRY_ASSIGN(start.listening, bind(number));
  }
  run::Assignment assignment;
  assignment.control = kControlFd;
  assignment.listening = task.serves ? kListeningFd : -1;
  assignment.token = result_.token.get();
  assignment.task = number;
  for (const size_t inner : inner_of(number)) {
    LP_TRY_ASSIGN(base::Fd bound, bind(inner));
    LP_TRY_ASSIGN(bound, out_of_the_way(std::move(bound)));
    assignment.inner.emplace(static_cast<int>(inner), bound.get());
    start.inner.push_back(std::move(bound));
  }
  assignment.run_dir = result_.run_dir->path();
  const std::string variable = std::string(run::kWorkerVariable) + "=";
  std::erase_if(start.executable.env,
                [&](const auto& entry) { return entry.starts_with(variable); });
  start.executable.env.push_back(variable + assignment.encode());
  return start;
}

std::shared_ptr<run::Context> Preparing::make_context(size_t number, const RunState& state) const {
  const graph::Task& task = plan_.tasks[number];
  auto context = make_bare_context(state);
  context->label = task.label;
  context->index = task.index;
  context->task = static_cast<int>(number);
  return context;
}

std::shared_ptr<run::Context> Preparing::make_bare_context(const RunState& state) const {
  auto context = std::make_shared<run::Context>();
  context->program = plan_.program;
  context->address_prefix = prefix_;
  context->address_suffix = suffix_;
  context->task_names = task_names_;
  context->token = options_.token;
  context->stop = state.stop;
  context->request_stop = [inbox = state.inbox] { inbox->post_stop(); };
  return context;
}

ThreadStart Preparing::prepare_thread(size_t number, std::shared_ptr<const run::Context> context) {
  ThreadStart start;
  start.task = number;
  start.entry = std::move(plan_.tasks[number].entry);
  start.context = std::move(context);
  start.on_start = options_.on_thread_start;
  start.on_end = options_.on_thread_end;
  start.describe = options_.describe_exception;
  return start;
}

std::vector<size_t> Preparing::inner_of(size_t number) const {
  std::vector<size_t> numbers;
  for (size_t i = 0; i < plan_.inner.size(); ++i) {
    if (plan_.inner[i].host == static_cast<int>(number)) numbers.push_back(plan_.tasks.size() + i);
  }
  return numbers;
}

Result<base::Fd> Preparing::bind(size_t number) {
  const std::string path = result_.run_dir->socket_path(number);
  LP_TRY_ASSIGN(const net::Address address, net::Address::parse("unix:" + path));
  result_.run_dir_files.push_back(path);
  return net::bind_unix(address);
}

Result<std::unique_ptr<net::Listener>> Preparing::listen(size_t number,
                                                         const run::Context& context) {
  LP_TRY_ASSIGN(net::Address address,
                net::Address::parse(context.address_of(static_cast<int>(number))));
  if (!result_.run_dir) return net::listen(address);
  LP_TRY_ASSIGN(base::Fd fd, bind(number));
  return net::adopt_listener(std::move(fd), std::move(address));
}

// What threads of this process that are no node's see of the run: its addresses and its stop.
std::shared_ptr<const run::Context> Preparing::launcher_context(const RunState& state) const {
  auto context = make_bare_context(state);
  context->label = "launcher";
  context->task = -1;
  return context;
}

Status Preparing::write_file(const std::string& name, std::string_view content) {
  result_.run_dir_files.push_back(result_.run_dir->path() + "/" + name);
  return result_.run_dir->write(name, content);
}

run::Roster Preparing::roster() const {
  run::Roster roster;
  roster.program = plan_.program;
  roster.fingerprint = plan_.fingerprint();
  for (const graph::Task& task : plan_.tasks) {
    roster.labels.push_back(task.label);
    roster.indices.push_back(task.index);
  }
  for (const graph::Inner& inner : plan_.inner) roster.inner.push_back(inner.name);
  return roster;
}

}  // namespace

Result<LaunchType> parse_launch_type(std::string_view name) {
  std::string all;
  for (const auto& [known, type] : kTypes) {
    if (known == name) return type;
    all += (all.empty() ? "" : ", ") + std::string(known);
  }
  return Error(Code::kInvalidArgument,
               "'" + std::string(name) + "' is no launch type; there is: " + all);
}

std::string_view launch_type_name(LaunchType type) {
  for (const auto& [name, known] : kTypes) {
    if (known == type) return name;
  }
  return "unknown";
}

Result<std::unique_ptr<Run>> launch(graph::Plan plan, Options options) {
  auto state = std::make_shared<RunState>();
  if (!state->inbox->event.valid())
    return Error(Code::kResourceExhausted, "cannot make an eventfd");
  if (options.handle_signals) state->signals.emplace();
  std::vector<std::string> labels;
  for (const graph::Task& task : plan.tasks) labels.push_back(task.label);
  LP_TRY_ASSIGN(Preparation preparation,
                Preparing(std::move(plan), std::move(options)).prepare(state));
  return LocalRun::start(std::move(preparation), std::move(state), std::move(labels));
}

}  // namespace lp::launching
