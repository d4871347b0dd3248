// FunctionNode(fn, args...): a node that calls fn(args...) once, with handles as clients. It serves
// nothing. A value that stands for one node. Drawing is done by one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "launchpad/graph/node.h"

namespace lp {
namespace graph {

class FunctionNodeBody final : public Node {
 public:
  template <class F, class... Args>
  FunctionNodeBody(F function, std::tuple<Args...> arguments)
      : kind_("FunctionNode<" + courier::demangle(typeid(F).name()) + ">") {
    static_assert(
        std::is_invocable_v<F&, Resolved<Args>...>,
        "the function cannot be called with these arguments (with each Handle<X> as a Client<X>)");
    track(arguments);
    call_ = [function = std::move(function), arguments = std::move(arguments)]() mutable {
      std::apply(
          [&](const auto&... a) {
            std::invoke(function, Resolver<std::decay_t<decltype(a)>>::resolve(a)...);
          },
          arguments);
    };
  }

  std::string kind() const override { return kind_; }
  void run(NodeContext&) override { call_(); }

 private:
  std::string kind_;
  std::function<void()> call_;
};

}  // namespace graph

class FunctionNode {
 public:
  template <class F, class... Args>
  explicit FunctionNode(F function, Args... args)
      : body_(std::make_shared<graph::FunctionNodeBody>(std::move(function),
                                                        std::tuple<Args...>(std::move(args)...))) {}

  // What add_node gives; nobody can call the node.
  NodeRef create_handle() const { return NodeRef(body_->slot()); }
  // The node itself, as the program holds it.
  const std::shared_ptr<graph::FunctionNodeBody>& node() const { return body_; }

 private:
  std::shared_ptr<graph::FunctionNodeBody> body_;
};

}  // namespace lp
