// Server: calls to Python functions.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "bindings/batching.h"
#include "bindings/home_process.h"
#include "bindings/hooks.h"
#include "bindings/module.h"
#include "bindings/steal.h"
#include "bindings/stream.h"
#include "bindings/values.h"
#include "bindings/waiting.h"
#include "launchpad/courier/channel.h"
#include "launchpad/courier/server.h"
#include "launchpad/net/joint_listener.h"
#include "launchpad/run/context.h"

namespace lp::bindings {
namespace {

// Runs a Python function for a call; with the GIL.
courier::Answer invoke(PyObject* function, const courier::Call& call) {
  try {
    auto [args, kwargs] = decode_call(call.arguments());
    const nb::object result = steal_or_raise(
        call_python(function, args.ptr(), kwargs.is_valid() ? kwargs.ptr() : nullptr));
    if (is_stream(result.ptr())) {
      wire::Payload payload;
      payload.stream = stream_of(result.ptr(), result_options(call));
      return payload;
    }
    wire::Payload payload = encode_result(result.ptr(), result_options(call));
    payload.sole = true;
    return payload;
  } catch (nb::python_error& error) {
    return describe(error.value());
  } catch (const std::exception& error) {
    return Error(Code::kInternal, error.what());
  }
}

courier::Handler handler_of(PyObject* function) {
  return [function = share(function)](courier::Call&& call) {
    courier::Answer answer = Error(Code::kUnavailable, "the server's interpreter is ending");
    {
      const PythonEntry python;
      if (python.ok()) answer = invoke(function.get(), call);
    }
    call.finish(answer);
  };
}

class PyServer {
 public:
  PyServer(const std::string& name, int threads, const std::optional<net::Token>& token)
      : context_(run::current_context()), token_(token.value_or(net::Token())) {
    if (threads < 1) throw nb::value_error("thread_pool_size must be at least 1");
    courier::ServerOptions options;
    options.name = name;
    options.language = "python";
    options.threads = threads;
    options.token = token_;
    options.on_thread_start = [context = context_] {
      run::set_thread_context(context);
      keep_thread_state();
    };
    options.on_thread_end = drop_thread_state;
    server_ = std::make_unique<courier::Server>(std::move(options));
  }
  ~PyServer() {
    const GilReleased released;
    if (home_.left()) {
      leak(server_);
      leak(listener_);
      leak(also_);
    }
    server_.reset();
  }

  void bind(const std::string& method, nb::object function, bool priority) {
    unwrap("local", server_->router().bind(method, handler_of(function.ptr()), priority));
  }
  // Calls wait in the batcher, on no thread of this server.
  void bind_batched(const std::string& method, nb::object batcher, bool priority) {
    auto* to = nb::cast<PyBatcher*>(batcher);
    courier::Handler handler = [to, owner = share(batcher.ptr())](courier::Call&& call) {
      to->add(std::move(call));
    };
    unwrap("local", server_->router().bind(method, std::move(handler), priority));
  }
  void unbind(const std::string& method) { server_->router().unbind(method); }

  // `of_run`: only this program's nodes call there.
  std::string listen(const std::string& address, bool of_run) {
    listener_ = bind_address(address, of_run);
    return listener_->address().str();
  }

  // A further address, from start() on.
  void also_listen(const std::string& address) { also_.push_back(bind_address(address, false)); }

  // As start(), where a node inside of the current one listens.
  void start_inner(int number) {
    if (context_ == nullptr) throw nb::value_error("no program runs here");
    listener_ = unwrap("local", context_->listen_inner(number));
    start();
  }
  void start() {
    if (listener_ == nullptr && !server_->started()) {
      if (context_ == nullptr)
        throw nb::value_error("there is no address to listen at: call listen() first");
      listener_ = unwrap("local", context_->listen());
    }
    if (!also_.empty()) {
      also_.insert(also_.begin(), std::move(listener_));
      listener_ = unwrap("local", net::JointListener::of(std::move(also_)));
    }
    unwrap("local", server_->start(std::move(listener_)));
  }

  void stop(std::optional<double> grace) {
    const base::Deadline deadline = to_deadline(grace);
    const GilReleased released;
    if (!home_.left()) server_->stop(deadline);
  }
  void join() {
    if (home_.left()) return;
    wait_heeding_signals({}, [this](const base::Deadline& tick) { return server_->join(tick); });
  }

  bool started() const { return server_->started(); }
  void set_healthy(bool healthy) {
    const GilReleased released;
    server_->set_healthy(healthy);
  }
  std::string address() const {
    if (server_->started()) return server_->address().str();
    return listener_ != nullptr ? listener_->address().str() : "";
  }

 private:
  std::unique_ptr<net::Listener> bind_address(const std::string& text, bool of_run) {
    auto listener = unwrap("local", net::listen(unwrap("local", net::Address::parse(text))));
    const bool needs_token = of_run || listener->reaches_beyond_host();
    if (!token_ && needs_token && context_ != nullptr && context_->token) {
      token_ = context_->token;
      server_->set_token(token_);
    }
    unwrap("local", courier::check_listener(*listener, token_));
    return listener;
  }

  const HomeProcess home_;
  std::shared_ptr<const run::Context> context_;
  net::Token token_;
  std::unique_ptr<courier::Server> server_;
  std::unique_ptr<net::Listener> listener_;  // Bound, not started.
  std::vector<std::unique_ptr<net::Listener>> also_;
};

}  // namespace

void bind_server(nb::module_& m) {
  nb::class_<PyServer>(m, "Server", "Answers calls with Python functions, on threads of its own.",
                       nb::is_weak_referenceable())
      .def(nb::init<const std::string&, int, const std::optional<net::Token>&>(), nb::arg("name"),
           nb::arg("threads"), nb::arg("token").none() = nb::none())
      .def("bind", &PyServer::bind, nb::arg("method"), nb::arg("function"), nb::arg("priority"))
      .def("bind_batched", &PyServer::bind_batched, nb::arg("method"), nb::arg("batcher"),
           nb::arg("priority"))
      .def("unbind", &PyServer::unbind, nb::arg("method"))
      .def("listen", &PyServer::listen, nb::arg("address"), nb::arg("of_run") = false,
           "Binds the address; returns the real one.")
      .def("also_listen", &PyServer::also_listen, nb::arg("address"),
           "Binds a further address, at which it answers from start() on.")
      .def("start", &PyServer::start,
           "Serves where listen() bound, else at the current node's address.")
      .def("start_inner", &PyServer::start_inner, nb::arg("number"))
      .def("stop", &PyServer::stop, nb::arg("grace") = nb::none(),
           "Takes no more calls and waits for those that run, `grace` seconds at most.")
      .def("join", &PyServer::join, "Waits until it is stopped.")
      .def("set_healthy", &PyServer::set_healthy, nb::arg("healthy"))
      .def_prop_ro("started", &PyServer::started)
      .def_prop_ro("address", &PyServer::address);
}

}  // namespace lp::bindings
