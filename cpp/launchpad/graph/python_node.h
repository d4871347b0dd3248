// PythonNode("module:Class", args...): a node written in Python, in a program drawn in C++. It runs
// in a process of its own, as a CourierNode does in Python. Arguments travel as typed values;
// handles arrive as clients. Give it the methods that C++ calls as a class that declares them:
//
//   struct Policy { double act(std::vector<double>); using courier_methods =
//   lp::Methods<&Policy::act>; }; lp::Handle<Policy> policy =
//   program.add_node(lp::PythonNode<Policy>("my.module:Policy", 64), "policy");
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "launchpad/courier/client_codec.h"
#include "launchpad/graph/node.h"

namespace lp {

// A server whose methods are not declared: Client<AnyMethods> offers call_named only.
struct AnyMethods {};

namespace graph {

class PythonNodeBody final : public Node {
 public:
  template <class... Args>
  PythonNodeBody(std::string target, std::tuple<Args...> arguments) : target_(std::move(target)) {
    track(arguments);
    encode_ = [arguments = std::move(arguments)] {
      return std::apply(
          [](const auto&... a) {
            return courier::encode_arguments(
                std::tuple(Resolver<std::decay_t<decltype(a)>>::resolve(a)...));
          },
          arguments);
    };
  }

  std::string kind() const override { return "PythonNode<" + target_ + ">"; }
  bool serves() const override { return true; }
  Status check() const override;
  void run(NodeContext&) override {}
  std::optional<Command> command() const override;
  Result<std::string> payload(const run::Context& context) const override;

  std::string interpreter;

 private:
  std::string target_;
  std::function<wire::Payload()> encode_;
};

}  // namespace graph

template <class T = AnyMethods>
class PythonNode {
 public:
  template <class... Args>
  explicit PythonNode(std::string target, Args... args)
      : body_(std::make_shared<graph::PythonNodeBody>(std::move(target),
                                                      std::tuple<Args...>(std::move(args)...))) {}

  // The Python to run it with, which has launchpad installed. Default: $LAUNCHPAD_PYTHON, else
  // python3.
  PythonNode& interpreter(std::string path) {
    body_->interpreter = std::move(path);
    return *this;
  }

  // A handle, as add_node gives it: for nodes that are given it before this one is added.
  Handle<T> create_handle() const { return Handle<T>(body_->slot()); }
  // The node itself, as the program holds it.
  const std::shared_ptr<graph::PythonNodeBody>& node() const { return body_; }

 private:
  std::shared_ptr<graph::PythonNodeBody> body_;
};

}  // namespace lp
