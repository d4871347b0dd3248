#include "bindings/batching.h"

#include <cmath>

#include "bindings/hooks.h"
#include "bindings/module.h"
#include "bindings/steal.h"
#include "bindings/values.h"
#include "bindings/waiting.h"
#include "launchpad/base/guarded.h"
#include "launchpad/courier/channel.h"
#include "launchpad/run/context.h"

namespace lp::bindings {
namespace {

// Why an entry of a batch could not be made into Python's, or what was raised.
struct Outcome {
  SharedRef value;
  SharedRef exception;
};

// Where a thread of this process waits for its answer.
struct Local {
  base::Guarded<std::optional<Outcome>> outcome;
};

class Entry final : public courier::Waiting {
 public:
  explicit Entry(courier::Call&& call) : call_(std::move(call)) {}
  Entry(std::shared_ptr<Local> local, SharedRef args, SharedRef kwargs)
      : local_(std::move(local)), args_(std::move(args)), kwargs_(std::move(kwargs)) {}

  std::optional<Error> gone() const override {
    if (call_) return courier::why_gone(*call_);
    if (local_.use_count() == 1) return Error(Code::kCancelled, "its caller left");
    return std::nullopt;
  }
  void fail(const Error& error) override {
    if (call_) {
      call_->fail(error);
      return;
    }
    const PythonEntry python;
    if (python.ok()) finish({nullptr, share(make_exception("call", error).ptr())});
  }

  // With the GIL. (args, kwargs) as the function gets them.
  nb::object arguments() const {
    if (!call_) return nb::make_tuple(nb::handle(args_.get()), nb::handle(kwargs_.get()));
    auto [args, kwargs] = decode_call(call_->arguments());
    if (!kwargs.is_valid()) kwargs = nb::dict();
    return nb::make_tuple(args, kwargs);
  }
  // With the GIL. Makes the answer; `send` lets it go.
  void prepare(nb::handle result) {
    if (!call_) {
      outcome_.value = share(result.ptr());
      return;
    }
    try {
      answer_ = encode_result(result.ptr(), result_options(*call_));
    } catch (nb::python_error& error) {
      answer_ = describe(error.value());
    } catch (const std::exception& error) {
      answer_ = Error(Code::kInternal, error.what());
    }
  }
  // With the GIL.
  void prepare_failure(nb::handle exception, const Error& described) {
    if (call_)
      answer_ = described;
    else
      outcome_.exception = share(exception.ptr());
  }
  // Without the GIL.
  void send() {
    if (call_)
      call_->finish(answer_);
    else
      finish(std::move(outcome_));
  }

 private:
  void finish(Outcome outcome) {
    local_->outcome.with_notify([&](auto& slot) { slot = std::move(outcome); });
  }

  std::optional<courier::Call> call_;  // Or one of this process:
  std::shared_ptr<Local> local_;
  SharedRef args_, kwargs_;
  courier::Answer answer_ = Error(Code::kInternal, "no answer was made");
  Outcome outcome_;
};

Entry& entry_of(const std::unique_ptr<courier::Waiting>& waiting) {
  return static_cast<Entry&>(*waiting);
}

void fail_all(const courier::Batch& batch, nb::handle exception) {
  const Error described = describe(exception);
  for (const auto& waiting : batch) entry_of(waiting).prepare_failure(exception, described);
}

// With the GIL. Calls that cannot be decoded fail alone; `batch` keeps the others.
nb::list decode(courier::Batch& batch, courier::Batch& failed) {
  nb::list requests;
  courier::Batch decoded;
  for (auto& waiting : batch) {
    try {
      requests.append(entry_of(waiting).arguments());
      decoded.push_back(std::move(waiting));
    } catch (nb::python_error& error) {
      entry_of(waiting).prepare_failure(error.value(), describe(error.value()));
      failed.push_back(std::move(waiting));
    }
  }
  batch = std::move(decoded);
  return requests;
}

// With the GIL.
void run(PyObject* function, courier::Batch& batch, courier::Batch& failed) {
  try {
    const nb::list requests = decode(batch, failed);
    if (batch.empty()) return;
    const nb::object returned = steal_or_raise(call_python_with(function, requests.ptr()));
    const nb::list results = nb::cast<nb::list>(returned);
    LP_CHECK(results.size() == batch.size());
    for (size_t i = 0; i < batch.size(); ++i) entry_of(batch[i]).prepare(results[i]);
  } catch (nb::python_error& error) {
    fail_all(batch, error.value());
  } catch (const std::exception& error) {
    fail_all(batch, make_exception("local", Error(Code::kInternal, error.what())));
  }
}

void run_batch(const std::atomic<PyObject*>& slot, courier::Batch batch) {
  courier::Batch failed;
  {
    const PythonEntry python;
    const nb::object function = python.ok() ? nb::borrow(slot.load()) : nb::object();
    if (!function.is_valid()) {
      const Error error(Code::kUnavailable, "the server's interpreter is ending");
      for (auto& waiting : batch) waiting->fail(error);
      return;
    }
    run(function.ptr(), batch, failed);
  }
  for (const auto& waiting : batch) entry_of(waiting).send();
  for (const auto& waiting : failed) entry_of(waiting).send();
}

}  // namespace

PyBatcher::PyBatcher(int size, int max_parallelism, double timeout_secs, const nb::object& function)
    : function_(std::make_shared<std::atomic<PyObject*>>(nullptr)) {
  if (size < 1) throw nb::value_error("batch_size must be at least 1");
  if (max_parallelism < 1) throw nb::value_error("max_parallelism must be at least 1");
  if (!(timeout_secs >= 0)) throw nb::value_error("timeout must not be negative");
  courier::BatchOptions options;
  options.size = static_cast<size_t>(size);
  options.max_parallelism = max_parallelism;
  // A century is for ever.
  options.timeout = base::Nanos(std::llround(std::min(timeout_secs, 3e9) * 1e9));
  options.threads.on_start = [context = run::current_context()] {
    run::set_thread_context(context);
    keep_thread_state();
  };
  options.threads.on_end = drop_thread_state;
  batcher_ = std::make_unique<courier::Batcher>(
      std::move(options),
      [function = function_](courier::Batch batch) { run_batch(*function, std::move(batch)); });
  function_->store(nb::object(function).release().ptr());
}

PyBatcher::~PyBatcher() {
  {
    const GilReleased released;
    batcher_.reset();
  }
  clear();
}

void PyBatcher::clear() { Py_XDECREF(function_->exchange(nullptr)); }

void PyBatcher::add(courier::Call&& call) {
  batcher_->add(std::make_unique<Entry>(std::move(call)));
}

nb::object PyBatcher::call(nb::tuple args, nb::dict kwargs) {
  const auto local = std::make_shared<Local>();
  batcher_->add(std::make_unique<Entry>(local, share(args.ptr()), share(kwargs.ptr())));
  Outcome outcome;
  wait_heeding_signals({}, [&](const base::Deadline& tick) {
    return local->outcome.wait(
        tick.at(), [](auto& slot) { return slot.has_value(); },
        [&](auto& slot, bool ready) {
          if (ready) outcome = std::move(*slot);
          return ready;
        });
  });
  if (outcome.exception != nullptr) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(outcome.exception.get())),
                    outcome.exception.get());
    throw nb::python_error();
  }
  return nb::borrow(outcome.value.get());
}

namespace {

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (nb::inst_ready(self)) Py_VISIT(nb::inst_ptr<PyBatcher>(self)->function());
  return 0;
}
int clear(PyObject* self) {
  if (nb::inst_ready(self)) nb::inst_ptr<PyBatcher>(self)->clear();
  return 0;
}
PyType_Slot slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                       {Py_tp_clear, reinterpret_cast<void*>(clear)},
                       {0, nullptr}};

}  // namespace

void bind_batching(nb::module_& m) {
  nb::class_<PyBatcher>(m, "Batcher", "Gathers calls and gives them to one function together.",
                        nb::is_weak_referenceable(), nb::type_slots(slots))
      .def(nb::init<int, int, double, const nb::object&>(), nb::arg("batch_size"),
           nb::arg("max_parallelism"), nb::arg("timeout_secs"), nb::arg("function"))
      .def("call", &PyBatcher::call, nb::arg("args"), nb::arg("kwargs"),
           "Waits for the call's batch; returns the call's result.");
}

}  // namespace lp::bindings
