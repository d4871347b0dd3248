// Program is a graph that is being drawn: nodes under labels, edges where a handle was given to
// another node. One thread. Bad drawing throws lp::Error (INVALID_ARGUMENT) at the call; `plan()`
// checks the whole.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "launchpad/graph/check.h"
#include "launchpad/graph/node.h"
#include "launchpad/graph/where.h"

namespace lp {

// While it lives, nodes are added under its label.
class Group {
 public:
  explicit Group(std::optional<std::string>* current) : current_(current) {}
  Group(Group&& other) noexcept : current_(std::exchange(other.current_, nullptr)) {}
  Group& operator=(Group&&) = delete;
  ~Group() { close(); }
  // Ends it before its scope does.
  void close() {
    if (current_ != nullptr) std::exchange(current_, nullptr)->reset();
  }

 private:
  std::optional<std::string>* current_;
};

class Program {
 public:
  explicit Program(std::string name);
  Program(Program&&) noexcept = default;
  Program& operator=(Program&&) noexcept = default;

  // As it was given.
  const std::string& name() const { return name_; }

  // Errors: an empty label, a group inside a group.
  [[nodiscard]] Group group(std::string label);
  // The open group's label. Error outside of one.
  const std::string& current_group() const;

  // Adds a node of the library's (CourierNode, FunctionNode, PythonNode), or of one's own kind: a
  // shared_ptr to a class derived from Node that has `create_handle()`. Returns the node's handle.
  // Errors: no label outside a group, another label inside one, a node that was added before.
  template <class N>
  auto add_node(const N& node, std::string label = "", graph::Where where = graph::Where::here()) {
    if constexpr (requires { node.nodes(); }) {  // Several nodes behind one handle.
      for (const auto& each : node.nodes()) add(each, label, where.text());
      return node.create_handle();
    } else if constexpr (requires { node.node(); }) {
      add(node.node(), std::move(label), where.text());
      return node.create_handle();
    } else {
      static_assert(
          requires { std::shared_ptr<Node>(node); },
          "add a node of the library's or a std::shared_ptr to a class derived from lp::Node");
      add(node, std::move(label), where.text());
      return node->create_handle();
    }
  }
  // `where`: the place to name in errors, "file:line".
  void add(std::shared_ptr<Node> node, std::string label, std::string where);

  struct Added {
    std::shared_ptr<Node> node;
    std::string where;  // "file:line" of add_node.
  };
  // In the order in which they were added.
  const std::vector<Added>& nodes() const { return nodes_; }

  // Gives the nodes inside of others their numbers, after those that were added.
  void number_inner() const;
  // What keeps it from being planned: handles of nodes that are no part of it, incomplete nodes.
  std::vector<graph::Finding> problems() const;
  // The frozen graph. INVALID_ARGUMENT: there are problems; all of them, one a line.
  Result<graph::Plan> plan() const;

 private:
  std::vector<std::string> refused_edges(const Added& added) const;
  // Nodes inside of others that stand somewhere else, too.
  std::vector<graph::Finding> doubled_nodes() const;
  bool holds(const graph::SlotPtr& slot) const;

  std::string name_;
  // On the heap, since a Group points to it and a Program may be moved.
  std::unique_ptr<std::optional<std::string>> group_ =
      std::make_unique<std::optional<std::string>>();
  std::vector<Added> nodes_;
};

}  // namespace lp
