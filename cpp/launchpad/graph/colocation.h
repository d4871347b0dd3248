// Colocation(nodes...): a node that runs other nodes as threads of its own, side by side. Nodes
// inside that serve keep addresses and handles of their own. The first exception of one ends it,
// else the end of the last. A value that stands for one node. Drawing is done by one thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "launchpad/graph/handle.h"
#include "launchpad/graph/node.h"

namespace lp {
namespace graph {

class ColocationBody final : public Node {
 public:
  // Throws Error for one that has this one inside.
  void add(std::shared_ptr<Node> node);

  std::string kind() const override;
  Inputs inputs() const override;
  Inputs inner() const override;
  // INVALID_ARGUMENT: nothing is inside.
  Status check() const override;
  void run(NodeContext& context) override;

  bool return_on_first_completed = false;

 private:
  // However deep; also the node itself.
  static bool contains(const Node& node, const Node& inner);

  std::vector<std::shared_ptr<Node>> nodes_;
};

}  // namespace graph

class Colocation {
 public:
  template <class... Nodes>
  explicit Colocation(const Nodes&... nodes) {
    (add_node(nodes), ...);
  }

  // Adds a node, and returns its handle.
  template <class N>
  auto add_node(const N& node) {
    if constexpr (requires { node.nodes(); }) {  // Several nodes behind one handle.
      for (const auto& each : node.nodes()) body_->add(each);
    } else {
      body_->add(node.node());
    }
    return node.create_handle();
  }
  // Ends with the first node that does, instead of with the last; the others are left to hear the
  // stop of the program.
  Colocation& return_on_first_completed() {
    body_->return_on_first_completed = true;
    return *this;
  }

  // What add_node gives; nobody can call the node.
  NodeRef create_handle() const { return NodeRef(body_->slot()); }
  // The node itself, as the program holds it.
  const std::shared_ptr<graph::ColocationBody>& node() const { return body_; }

 private:
  std::shared_ptr<graph::ColocationBody> body_ = std::make_shared<graph::ColocationBody>();
};

}  // namespace lp
