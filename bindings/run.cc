// launch, Run, Worker and Context: programs that run.
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <fcntl.h>

#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

#include "bindings/fork.h"
#include "bindings/hooks.h"
#include "bindings/module.h"
#include "bindings/steal.h"
#include "bindings/waiting.h"
#include "launchpad/launch/launcher.h"
#include "launchpad/run/worker.h"

namespace lp::bindings {
namespace {

using ContextPtr = std::shared_ptr<const run::Context>;

struct PyContext {
  ContextPtr context;
};

template <class F>
auto without_gil(F&& f) {
  const GilReleased released;
  return f();
}

// Short waits need no descriptor, and long ones no ticks.
bool wait_until_stop(run::StopSignal& stop, const base::Deadline& deadline) {
  const bool brief = !deadline.never() && deadline.left() <= kSignalTick;
  const int fd = brief || stop.requested() ? -1 : stop.fd();
  if (fd >= 0) return wait_readable(fd, deadline);
  return wait_heeding_signals(deadline,
                              [&](const base::Deadline& tick) { return stop.wait(tick); });
}

// How often a test looks whether its program has ended without a stop.
constexpr double kTestTick = 0.01;

class PyRun {
 public:
  PyRun(std::unique_ptr<launching::Run> run, bool handles_signals)
      : run_(std::move(run)), handles_signals_(handles_signals) {}
  ~PyRun() {
    const GilReleased released;
    run_.reset();
  }

  void wait() {
    // Who does not handle signals leaves Ctrl-C to Python.
    while (!handles_signals_ && !done() && !wait_for_stop(kTestTick)) {
    }
    const Status ended = without_gil([&] { return run_->wait(); });
    unwrap("node", ended);
  }
  void wait_for(const std::vector<std::string>& labels, bool first) {
    const Status ended =
        without_gil([&] { return first ? run_->wait_for_first(labels) : run_->wait_for(labels); });
    const bool unknown_label =
        !ended.ok() && !ended.error().remote() && ended.error().code == Code::kInvalidArgument;
    unwrap(unknown_label ? "local" : "node", ended);
  }
  void check() { unwrap("node", run_->failure()); }
  void stop() {
    without_gil([&] { run_->stop(); });
  }
  void kill() {
    without_gil([&] { run_->kill(); });
  }
  bool done() const { return run_->done(); }
  bool wait_for_stop(std::optional<double> timeout) {
    return wait_until_stop(*run_->stop_signal(), to_deadline(timeout));
  }

 private:
  std::unique_ptr<launching::Run> run_;
  bool handles_signals_;
};

std::unique_ptr<PyRun> launch(nb::handle program, const std::string& launch_type,
                              double termination_notice_secs, const std::string& run_dir,
                              bool handle_signals, const std::string& terminal,
                              const std::string& tmux_session_name, bool tmux_open_window,
                              const PyForkServer* fork_server,
                              const std::optional<net::Token>& token) {
  graph::Plan plan = plan_of(program);
  launching::Options options;
  options.type = unwrap("local", launching::parse_launch_type(launch_type));
  options.termination_notice =
      std::chrono::milliseconds(std::llround(termination_notice_secs * 1000));
  options.run_dir = run_dir;
  options.handle_signals = handle_signals;
  options.terminal = {terminal, tmux_session_name, tmux_open_window};
  if (fork_server != nullptr) options.fork_server = fork_server->server;
  if (token) options.token = *token;
  options.on_thread_start = keep_thread_state;
  options.on_thread_end = drop_thread_state;
  options.describe_exception = describe_current_exception;
  auto started = [&] {
    const GilReleased released;
    return launching::launch(std::move(plan), std::move(options));
  }();
  if (!started.ok()) raise(started.error().remote() ? "node" : "local", started.error());
  return std::make_unique<PyRun>(std::move(started).value(), handle_signals);
}

std::string chosen_terminal(const std::string& asked) {
  return unwrap("local", launching::chosen_terminal(asked, launching::current_environment()));
}

using Numbers = std::optional<std::vector<int>>;

// (is an error, what, mend) for the CPUs and GPUs of each label.
nb::list missing_resources(const std::map<std::string, std::pair<Numbers, Numbers>>& asked) {
  launching::ResourceMap resources;
  for (const auto& [label, numbers] : asked) {
    resources[label].cpus = numbers.first.value_or(std::vector<int>());
    resources[label].gpus = numbers.second;
  }
  nb::list findings;
  for (const auto& finding :
       launching::missing(resources, launching::this_machine(), "local_resources"))
    findings.append(nb::make_tuple(finding.error, finding.what, finding.mend));
  return findings;
}

class PyWorker {
 public:
  PyWorker() : worker_(unwrap("local", run::Worker::from_environment())) {}

  nb::bytes payload() const {
    const std::string bytes = unwrap("local", worker_->payload());
    return nb::bytes(bytes.data(), bytes.size());
  }
  int run(const nb::object& entry) {
    const SharedRef function = share(entry.ptr());
    const GilReleased released;
    return run::run_worker(
        *worker_,
        [&](ContextPtr) {
          const PythonEntry python;
          const nb::object result = steal_or_raise(call_python(function.get()));
        },
        describe_current_exception);
  }
  void report_failure(nb::handle exception) { worker_->report_failure(describe(exception)); }

 private:
  std::unique_ptr<run::Worker> worker_;
};

std::optional<PyContext> current() {
  ContextPtr context = run::current_context();
  if (context == nullptr) return std::nullopt;
  return PyContext{std::move(context)};
}

void set_thread_context(const std::optional<PyContext>& context) {
  run::set_thread_context(context ? context->context : nullptr);
}

uint64_t add_stop_handler(const PyContext& self, const nb::object& handler) {
  const SharedRef function = share(handler.ptr());
  // If the program is stopping already, it is called here: what it raises, or what a
  // signal raises meanwhile, is this caller's. Touched with the GIL.
  struct Here {
    std::thread::id thread = std::this_thread::get_id();
    std::optional<nb::python_error> raised;
  };
  const auto here = std::make_shared<Here>();
  const auto call = [function, here] {
    const PythonEntry python;
    if (!python.ok()) return;
    PyObject* result = call_python(function.get());
    if (result == nullptr && here->thread == std::this_thread::get_id())
      here->raised.emplace();
    else if (result == nullptr)
      PyErr_WriteUnraisable(function.get());
    Py_XDECREF(result);
  };
  const uint64_t number = [&] {
    const GilReleased released;
    return self.context->stop->add_handler(call);
  }();
  here->thread = {};
  if (here->raised) {
    const nb::python_error raised(*here->raised);
    here->raised.reset();  // With the GIL.
    throw raised;
  }
  return number;
}

void bind_context(nb::module_& m) {
  nb::class_<PyContext>(m, "Context", "What a running node knows of the run that it is part of.")
      .def_prop_ro("program", [](const PyContext& self) { return self.context->program; })
      .def_prop_ro("label", [](const PyContext& self) { return self.context->label; })
      .def_prop_ro("index", [](const PyContext& self) { return self.context->index; })
      .def_prop_ro("name", [](const PyContext& self) { return self.context->name(); })
      .def_prop_ro("task", [](const PyContext& self) { return self.context->task; })
      .def_prop_ro("stop_requested",
                   [](const PyContext& self) { return self.context->stop->requested(); })
      .def(
          "wait_for_stop",
          [](const PyContext& self, std::optional<double> timeout) {
            return wait_until_stop(*self.context->stop, to_deadline(timeout));
          },
          nb::arg("timeout").none())
      .def("add_stop_handler", &add_stop_handler, nb::arg("handler"))
      .def(
          "remove_stop_handler",
          [](const PyContext& self, uint64_t number) {
            self.context->stop->remove_handler(number);
          },
          nb::call_guard<GilReleased>(), nb::arg("number"))
      .def(
          "inner_descriptor",
          [](const PyContext& self, int number) {
            const auto listener = unwrap("local", self.context->listen_inner(number));
            const int own = ::fcntl(listener->fd(), F_DUPFD_CLOEXEC, 3);
            if (own < 0) raise("local", Error(Code::kResourceExhausted, "too many open files"));
            return own;
          },
          nb::arg("number"), "Where a node inside of this one listens; the caller's to close.")
      .def(
          "token_descriptor",
          [](const PyContext& self) {
            return unwrap("local", self.context->token.hand_down()).release();
          },
          "Memory with the run's token, for a process to inherit; the caller's to close.")
      .def_prop_ro(
          "token", [](const PyContext& self) { return self.context->token; },
          "What proves to other nodes that this one is of the same run.")
      .def(
          "request_stop", [](const PyContext& self) { self.context->request_stop(); },
          nb::call_guard<GilReleased>())
      .def(
          "address_of",
          [](const PyContext& self, int number) { return self.context->address_of(number); },
          nb::arg("number"))
      .def(
          "name_of",
          [](const PyContext& self, int number) { return self.context->name_of(number); },
          nb::arg("number"));
}

}  // namespace

void bind_run(nb::module_& m) {
  bind_context(m);
  m.def("context", &current,
        "The calling thread's context, else the only running program's, else None.");
  m.def("set_thread_context", &set_thread_context, nb::arg("context").none(),
        "Makes a context the calling thread's, for threads that a node starts itself.");
  nb::class_<PyRun>(m, "Run", "A program that was started.")
      .def("wait", &PyRun::wait,
           "Until every node has ended; raises the first failing node's error.")
      .def("wait_for", &PyRun::wait_for, nb::arg("labels"), nb::arg("first"),
           "The same for the nodes of some labels; `first`: until one of them has ended.")
      .def("check", &PyRun::check, "Raises the first failure so far, if there is one.")
      .def("stop", &PyRun::stop)
      .def("kill", &PyRun::kill)
      .def_prop_ro("done", &PyRun::done)
      .def("wait_for_stop", &PyRun::wait_for_stop, nb::arg("timeout").none());
  m.def("launch", &launch, nb::arg("program"), nb::arg("launch_type"),
        nb::arg("termination_notice_secs"), nb::arg("run_dir"), nb::arg("handle_signals"),
        nb::arg("terminal") = "current_terminal", nb::arg("tmux_session_name") = "launchpad",
        nb::arg("tmux_open_window") = false, nb::arg("fork_server").none() = nb::none(),
        nb::arg("token").none() = nb::none(), "Starts every node of the program.");
  m.def("terminal_names", &launching::terminal_names, "Where the nodes of local_mp can print.");
  m.def("chosen_terminal", &chosen_terminal, nb::arg("asked"),
        "The terminal of that name, or, if it is empty, the environment's; raises ValueError.");
  m.def("missing_resources", &missing_resources, nb::arg("asked"),
        "What (cpus, gpus) of labels ask for that is not there: (error, what, mend).");
  m.def("is_worker", &run::is_worker_process, "Whether this process was started to run one node.");
  nb::class_<PyWorker>(m, "Worker", "The end of a launched process that talks to its launcher.")
      .def(nb::init<>())
      .def("payload", &PyWorker::payload)
      .def("run", &PyWorker::run, nb::arg("entry"),
           "Runs this worker's node; returns the exit status.")
      .def("report_failure", &PyWorker::report_failure, nb::arg("exception"));
}

}  // namespace lp::bindings
