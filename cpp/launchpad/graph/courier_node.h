// CourierNode<T>(args...): a node that builds a T from `args` (handles become clients), serves the
// methods that T lists in courier_methods, and calls T::run() if there is one; without, it serves
// until the program stops. A value that stands for one node: copies are the same node. Drawing is
// done by one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "launchpad/graph/node.h"

namespace lp {
namespace graph {

template <class T>
concept HasRun = requires(T& object) {
  object.run();
};

template <class T>
class CourierNodeBody final : public Node {
 public:
  std::string kind() const override {
    return "CourierNode<" + courier::demangle(typeid(T).name()) + ">";
  }
  bool serves() const override { return courier::Serves<T>; }
  int pool() const override { return bounded ? threads : 0; }

  Status check() const override {
    if (build_) return {};
    return Error(Code::kInvalidArgument,
                 "it has no constructor arguments yet: call configure(...)");
  }

  void run(NodeContext& context) override {
    const std::unique_ptr<T> object = build_();
    std::unique_ptr<courier::Server> server;
    if constexpr (courier::Serves<T>) server = context.serve(*object, threads);
    if constexpr (HasRun<T>) {
      if (run_enabled)
        object->run();
      else
        context.wait_for_stop();
    } else {
      context.wait_for_stop();
    }
    if (server) server->stop(base::Deadline::after(kStopGrace));
  }

  template <class... Args>
  void configure(std::tuple<Args...> arguments) {
    static_assert(
        std::is_constructible_v<T, Resolved<Args>...>,
        "T cannot be constructed from these arguments (with each Handle<X> as a Client<X>)");
    forget_inputs();
    track(arguments);
    build_ = [arguments = std::move(arguments)] {
      return std::apply(
          [](const auto&... a) {
            return std::make_unique<T>(Resolver<std::decay_t<decltype(a)>>::resolve(a)...);
          },
          arguments);
    };
  }

  int threads = 16;
  bool bounded = false;  // The program chose the number of threads.
  bool run_enabled = true;

 private:
  // Methods that still run when the node ends get this long to answer.
  static constexpr base::Nanos kStopGrace{1'000'000'000};

  std::function<std::unique_ptr<T>()> build_;
};

}  // namespace graph

template <class T>
class CourierNode {
  static_assert(
      courier::Serves<T> || graph::HasRun<T>,
      "the class offers nothing: give it `using courier_methods = lp::Methods<...>;` or a run()");

 public:
  // Without arguments and without a default constructor, T waits for configure().
  template <class... Args>
  explicit CourierNode(Args... args) {
    if constexpr (sizeof...(Args) > 0 || std::is_default_constructible_v<T>)
      configure(std::move(args)...);
  }

  // Sets the constructor's arguments, again: for cycles, where the handles come after the node.
  template <class... Args>
  CourierNode& configure(Args... args) {
    body_->configure(std::tuple<Args...>(std::move(args)...));
    return *this;
  }
  // Serves only, even if T has run().
  CourierNode& disable_run() {
    body_->run_enabled = false;
    return *this;
  }
  // Calls T::run() after all; the default.
  CourierNode& enable_run() {
    body_->run_enabled = true;
    return *this;
  }
  // Methods that run at the same time, at most. Default 16.
  CourierNode& threads(int count) {
    body_->threads = count;
    body_->bounded = true;
    return *this;
  }

  // A handle, as add_node gives it: for nodes that are given it before this one is added.
  Handle<T> create_handle() const { return Handle<T>(body_->slot()); }
  // The node itself, as the program holds it.
  const std::shared_ptr<graph::CourierNodeBody<T>>& node() const { return body_; }

 private:
  std::shared_ptr<graph::CourierNodeBody<T>> body_ = std::make_shared<graph::CourierNodeBody<T>>();
};

}  // namespace lp
