// Channel, its methods and futures: calls from Python.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <cmath>

#include "bindings/hooks.h"
#include "bindings/module.h"
#include "bindings/steal.h"
#include "bindings/stream.h"
#include "bindings/token.h"
#include "bindings/values.h"
#include "bindings/waiting.h"
#include "launchpad/courier/client.h"
#include "launchpad/courier/router.h"

namespace lp::bindings {
namespace {

using courier::Answer;

// A channel and what each of its calls needs.
class ChannelState : public std::enable_shared_from_this<ChannelState> {
 public:
  ChannelState(const std::string& address, std::optional<double> timeout, bool wait_for_ready,
               bool prebound, const std::string& server_name, const std::string& policy,
               bool inherits_deadline, bool compress, std::optional<RetryPolicy> retry,
               const std::optional<net::Token>& token)
      : timeout_(timeout) {
    auto addresses = unwrap("local", courier::Addresses::parse(address));
    if (!policy.empty()) addresses.policy = unwrap("local", courier::parse_policy(policy));
    courier::ChannelOptions options;
    options.wait_for_ready = wait_for_ready;
    options.prebound = prebound;
    options.server_name = server_name;
    options.inherits_deadline = inherits_deadline;
    options.compress = compress;
    set_token(options, token);
    options.language = courier::kPython;
    options.interrupted = python_wants_to_raise;
    options.around_callbacks = [](const std::function<void()>& run) {
      const PythonEntry python;
      if (python.ok()) run();
    };
    channel_ = courier::make_shared_channel(std::move(addresses), std::move(options));
    if (retry) retrier_ = unwrap("local", courier::Retrier::make(channel_, std::move(*retry)));
  }
  ~ChannelState() {
    const GilReleased released;
    retrier_.reset();
    channel_.reset();
  }

  courier::Channel& channel() { return *channel_; }
  const std::shared_ptr<courier::Channel>& shared() { return channel_; }
  base::Deadline deadline() const { return to_deadline(timeout_); }
  std::string server() const { return channel_->server_name(); }

  Answer call(const std::string& name, const wire::Payload& payload,
              const base::Deadline& deadline) {
    if (retrier_ != nullptr) return retrier_->call(name, payload, deadline);
    return channel_->call(name, payload, deadline);
  }
  // Sends; gives what cancels the call.
  Result<std::function<bool()>> start(const std::string& name, const wire::Payload& payload,
                                      const base::Deadline& deadline, courier::Callback callback,
                                      courier::TypedInstead typed, bool may_wait) {
    if (retrier_ != nullptr) {
      LP_TRY_ASSIGN(const auto call, retrier_->start(name, payload, deadline, std::move(callback),
                                                     std::move(typed)));
      return std::function<bool()>([call] { return call->cancel(); });
    }
    LP_TRY_ASSIGN(const auto pending, channel_->start(name, payload, deadline, std::move(callback),
                                                      std::move(typed), may_wait));
    // The call's own: it must not keep the channel open.
    const std::shared_ptr<courier::Channel> channel = channel_->shared_from_this();
    return std::function<bool()>([channel, pending] { return channel->cancel(pending); });
  }

  // Whether the server is C++, which takes typed values only. Connects if that is not known yet.
  bool typed_only(const std::string& name, const base::Deadline& deadline) {
    int known = typed_only_.load(std::memory_order_relaxed);
    if (known < 0) {
      const auto peer = [&] {
        const GilReleased released;
        return retrier_ != nullptr ? retrier_->peer(name, deadline) : channel_->peer(deadline);
      }();
      raise_if_set();
      known = unwrap("call", peer).language != courier::kPython;
      typed_only_.store(known, std::memory_order_relaxed);
    }
    return known != 0;
  }

  // The same without waiting; nothing if nobody has connected yet.
  std::optional<bool> typed_only_if_known() {
    const int known = typed_only_.load(std::memory_order_relaxed);
    if (known >= 0) return known != 0;
    const auto peer = [&] {
      const GilReleased released;
      return channel_->known_peer();
    }();
    if (!peer) return std::nullopt;
    return peer->language != courier::kPython;
  }

  // The answer's value, or its error raised.
  nb::object take(Answer answer) {
    raise_if_set();
    if (!answer.ok()) {
      // Another server may answer at that address next.
      if (!answer.error().remote()) typed_only_.store(-1, std::memory_order_relaxed);
      raise("call", answer.error());
    }
    if (answer.value().stream != nullptr)
      return make_stream(std::move(answer).value().stream, shared_from_this());
    return decode_result(answer.value());
  }

 private:
  // An interrupted wait has left the exception to raise.
  static void raise_if_set() {
    if (PyErr_Occurred() != nullptr) throw nb::python_error();
  }

  std::optional<double> timeout_;
  std::shared_ptr<courier::Channel> channel_;
  std::shared_ptr<courier::Retrier> retrier_;  // Null: a call runs at most once.
  std::atomic<int> typed_only_{-1};
};

using StatePtr = std::shared_ptr<ChannelState>;

struct PyChannel {
  StatePtr state;
};

struct Method {
  nb::object call(const nb::args& args, const nb::kwargs& kwargs) const {
    const base::Deadline deadline = state->deadline();
    const bool typed_only = state->typed_only(name, deadline);
    const wire::Payload payload =
        encode_call(args.ptr(), kwargs.ptr(),
                    {.typed_only = typed_only, .share = state->channel().may_share()});
    Answer answer = [&] {
      const GilReleased released;
      return state->call(name, payload, deadline);
    }();
    return state->take(std::move(answer));
  }

  StatePtr state;
  std::string name;
};

// What a future cancels through.
struct PendingCall {
  bool cancel() {
    const GilReleased released;
    return cancel_it && cancel_it();
  }

  StatePtr state;
  std::function<bool()> cancel_it;  // Empty: it could not be sent.
};

// With the GIL: the future learns its value or its exception.
void settle(PyObject* future, ChannelState& state, Answer answer) {
  static PyObject* const finish = PyUnicode_InternFromString("_finish");
  static PyObject* const fail = PyUnicode_InternFromString("_fail");
  PyObject* outcome = nullptr;
  nb::object value;
  try {
    value = state.take(std::move(answer));
    outcome = staying([&] { return PyObject_CallMethodOneArg(future, finish, value.ptr()); });
  } catch (nb::python_error& error) {
    PyObject* const exception = error.value().ptr();
    outcome = staying([&] { return PyObject_CallMethodOneArg(future, fail, exception); });
  }
  if (outcome == nullptr) PyErr_WriteUnraisable(future);
  Py_XDECREF(outcome);
}

void fail(PyObject* future, PyObject* error) {
  PyObject* outcome = staying([&] { return PyObject_CallMethod(future, "_fail", "O", error); });
  if (outcome == nullptr) PyErr_WriteUnraisable(future);
  Py_XDECREF(outcome);
}

// The arguments of calls to servers whose language may not be known yet.
struct Arguments {
  wire::Payload payload;
  // For a server that takes typed values only, where the payload is a pickle; or the exception that
  // says why they are none.
  std::optional<wire::Payload> typed;
  SharedRef no_typed;
};
using ArgumentsPtr = std::shared_ptr<const Arguments>;

ArgumentsPtr encode_arguments(const nb::args& args, const nb::kwargs& kwargs,
                              std::optional<bool> typed_only, bool share_memory, bool sole = true) {
  auto arguments = std::make_shared<Arguments>();
  // The caller may change its arrays while the call is on its way.
  EncodeOptions options{
      .typed_only = typed_only.value_or(false), .snapshot = true, .share = share_memory};
  arguments->payload = encode_call(args.ptr(), kwargs.ptr(), options);
  arguments->payload.sole = sole;
  if (typed_only || arguments->payload.encoding == wire::Encoding::kTyped) return arguments;
  try {
    options.typed_only = true;
    arguments->typed = encode_call(args.ptr(), kwargs.ptr(), options);
  } catch (nb::python_error& error) {
    arguments->no_typed = share(error.value().ptr());
  }
  return arguments;
}

// Where the answer of a call without a waiter goes.
class Settler {
 public:
  Settler(PyObject* future, const StatePtr& state, ArgumentsPtr arguments)
      : future_(share(future)), state_(state), arguments_(std::move(arguments)) {}

  courier::TypedInstead typed_instead() const {
    if (!arguments_->typed && !arguments_->no_typed) return nullptr;
    return [arguments = arguments_, refused = refused_]() -> Answer {
      if (arguments->typed) return *arguments->typed;
      refused->store(true, std::memory_order_relaxed);
      return Error(Code::kInvalidArgument, "the arguments are no typed values");
    };
  }

  // With the GIL.
  void operator()(Answer answer) const {
    const StatePtr state = state_.lock();
    if (refused_->load(std::memory_order_relaxed)) return fail(future_.get(), no_typed());
    if (state != nullptr) return settle(future_.get(), *state, std::move(answer));
    const Error closed(Code::kCancelled, "the client was closed");
    fail(future_.get(), make_exception("call", closed).ptr());
  }

 private:
  PyObject* no_typed() const { return arguments_->no_typed.get(); }

  SharedRef future_;
  std::weak_ptr<ChannelState> state_;  // The callback is the channel's: it must not keep it alive.
  ArgumentsPtr arguments_;
  std::shared_ptr<std::atomic<bool>> refused_ = std::make_shared<std::atomic<bool>>(false);
};

// Starts a call; what `make_future` makes gets its result.
nb::object start_call(const StatePtr& state, const std::string& name, const ArgumentsPtr& arguments,
                      PyObject* make_future, bool may_wait) {
  auto* pending = new PendingCall{state, nullptr};
  nb::object pending_object = nb::cast(pending, nb::rv_policy::take_ownership);
  nb::object future = steal_or_raise(call_python_with(make_future, pending_object.ptr()));
  const Settler settler(future.ptr(), state, arguments);
  auto started = [&] {
    const GilReleased released;
    return state->start(name, arguments->payload, state->deadline(), settler,
                        settler.typed_instead(), may_wait);
  }();
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  if (started.ok())
    pending->cancel_it = std::move(started).value();
  else
    settle(future.ptr(), *state, std::move(started).error());
  return future;
}

struct FutureMethod {
  nb::object call(const nb::args& args, const nb::kwargs& kwargs) const {
    const auto arguments =
        encode_arguments(args, kwargs, state->typed_only_if_known(), state->channel().may_share());
    // An event loop must not be held up.
    if (!factory.is_none()) return start_call(state, name, arguments, factory.ptr(), false);
    return start_call(state, name, arguments, hooks().make_future, true);
  }

  StatePtr state;
  std::string name;
  nb::object factory;  // Makes the future; None: launchpad's own.
};

// From a launchpad.RetryPolicy, or None.
std::optional<RetryPolicy> retry_policy(const nb::object& given) {
  if (given.is_none()) return std::nullopt;
  const auto pause = [&](const char* name) {
    return base::Nanos(std::llround(nb::cast<double>(given.attr(name)) * 1e9));
  };
  RetryPolicy policy;
  policy.attempts = nb::cast<int>(given.attr("attempts"));
  policy.first_pause = pause("first_pause");
  policy.longest_pause = pause("longest_pause");
  policy.growth = nb::cast<double>(given.attr("growth"));
  policy.jitter = nb::cast<double>(given.attr("jitter"));
  policy.seed = nb::cast<std::optional<uint64_t>>(given.attr("seed"));
  policy.methods = nb::cast<std::vector<std::string>>(given.attr("methods"));
  return policy;
}

// One method of several servers, called with arguments that are encoded once.
struct BroadcastMethod {
  nb::list call(const nb::args& args, const nb::kwargs& kwargs) const {
    bool share_memory = true;
    for (const StatePtr& state : states) share_memory &= state->channel().may_share();
    const ArgumentsPtr arguments =
        encode_arguments(args, kwargs, std::nullopt, share_memory, false);
    nb::list futures;
    for (const StatePtr& state : states)
      futures.append(start_call(state, name, arguments, hooks().make_future, true));
    return futures;
  }

  std::vector<StatePtr> states;
  std::string name;
};

BroadcastMethod broadcast_method(const nb::sequence& channels, std::string name) {
  BroadcastMethod method{{}, std::move(name)};
  for (const nb::handle channel : channels)
    method.states.push_back(nb::cast<const PyChannel&>(channel).state);
  return method;
}

// Of a method that every server has, and that takes nothing.
Answer ask(const PyChannel& self, std::string_view method, const base::Deadline& deadline) {
  wire::Payload payload;
  wire::Writer(payload).begin_list(0);
  const GilReleased released;
  return self.state->call(std::string(method), payload, deadline);
}

std::vector<std::string> list_methods(const PyChannel& self) {
  Answer answer = ask(self, courier::kListMethods, self.state->deadline());
  return nb::cast<std::vector<std::string>>(self.state->take(std::move(answer)));
}

bool is_healthy(const PyChannel& self, double timeout) {
  Answer answer = ask(self, courier::kHealth, to_deadline(timeout));
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  return answer.ok() && nb::cast<bool>(self.state->take(std::move(answer)));
}

}  // namespace

void bind_client(nb::module_& m) {
  nb::class_<Method>(m, "Method", "Calls one method of a server and waits for the result.")
      .def("__call__", &Method::call);
  nb::class_<FutureMethod>(m, "FutureMethod",
                           "Calls one method of a server; gives a future of the result.")
      .def("__call__", &FutureMethod::call);
  nb::class_<PendingCall>(m, "PendingCall", "A call on its way, for its future to cancel.")
      .def("cancel", &PendingCall::cancel,
           "The call ends as cancelled; false if it was answered before.")
      .def_prop_ro(
          "server", [](const PendingCall& self) { return self.state->server(); },
          "The server's name, or its address.");
  nb::class_<BroadcastMethod>(m, "BroadcastMethod",
                              "Calls one method of several servers; gives a future for each.")
      .def("__call__", &BroadcastMethod::call);
  m.def("broadcast_method", &broadcast_method, nb::arg("channels"), nb::arg("name"));
  nb::class_<PyChannel>(
      m, "Channel",
      "A client's way to one server. It connects at the first call, and again after a break.",
      nb::is_weak_referenceable())
      .def(
          "__init__",
          [](PyChannel* self, const std::string& address, std::optional<double> timeout,
             bool wait_for_ready, bool prebound, const std::string& server_name,
             const std::string& policy, bool inherits_deadline, bool compress,
             const nb::object& retry, const std::optional<net::Token>& token) {
            new (self) PyChannel{std::make_shared<ChannelState>(
                address, timeout, wait_for_ready, prebound, server_name, policy, inherits_deadline,
                compress, retry_policy(retry), token)};
          },
          nb::arg("address"), nb::kw_only(), nb::arg("timeout") = nb::none(),
          nb::arg("wait_for_ready") = true, nb::arg("prebound") = false,
          nb::arg("server_name") = "", nb::arg("policy") = "", nb::arg("inherits_deadline") = true,
          nb::arg("compress") = false, nb::arg("retry") = nb::none(),
          nb::arg("token").none() = nb::none())
      .def_prop_ro("address", [](const PyChannel& self) { return self.state->channel().where(); })
      .def_prop_ro(
          "server_name",
          [](const PyChannel& self) { return self.state->channel().options().server_name; })
      .def_prop_ro("prebound",
                   [](const PyChannel& self) { return self.state->channel().options().prebound; })
      .def(
          "method",
          [](const PyChannel& self, std::string name) {
            return Method{self.state, std::move(name)};
          },
          nb::arg("name"))
      .def(
          "future_method",
          [](const PyChannel& self, std::string name, nb::object factory) {
            return FutureMethod{self.state, std::move(name), std::move(factory)};
          },
          nb::arg("name"), nb::arg("factory") = nb::none(),
          "`factory(pending)` makes the futures: something with _finish(value) and _fail(error).")
      .def("list_methods", &list_methods, "The names of the server's methods, sorted.")
      .def("is_healthy", &is_healthy, nb::arg("timeout"),
           "Whether the server answers within `timeout` seconds, and says that it is healthy.")
      .def(
          "close", [](const PyChannel& self) { self.state->channel().close(); },
          nb::call_guard<GilReleased>(),
          "Ends every call on its way, and every later one, as cancelled.");
}

}  // namespace lp::bindings
