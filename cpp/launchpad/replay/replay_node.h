// ReplayNode(tables): a node that serves replay tables. Its handle becomes a replay::Client where
// it is given to another node. A value that stands for one node; copies are the same node. Drawing
// is done by one thread. The only part of this layer that knows the graph.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "launchpad/graph/handle.h"
#include "launchpad/graph/node.h"
#include "launchpad/graph/resolve.h"
#include "launchpad/replay/client.h"
#include "launchpad/replay/table.h"

namespace lp {
namespace replay {

// How a replay node keeps its tables.
struct ReplayNodeOptions {
  // Checkpoints lie here: the newest is loaded at the start, and one is written at each interval
  // and when the program stops. Empty: none.
  std::string checkpoint_folder{};
  // The interval; more than none.
  base::Nanos checkpoint_every{600'000'000'000};
};

class NodeBody final : public Node {
 public:
  NodeBody(std::vector<TableOptions> tables, ReplayNodeOptions options);

  std::string kind() const override { return "ReplayNode"; }
  bool serves() const override { return true; }
  Status check() const override;
  void run(NodeContext& context) override;

 private:
  std::vector<TableOptions> tables_;
  ReplayNodeOptions options_;
};

}  // namespace replay

// What add_node gives for a ReplayNode; becomes a replay::Client in the node that it is given to.
class ReplayHandle {
 public:
  explicit ReplayHandle(graph::SlotPtr slot) : slot_(std::move(slot)) {}
  // Inside a running node. Throws lp::Error elsewhere.
  replay::Client dereference() const;
  // The node's place in the graph.
  const graph::SlotPtr& slot() const { return slot_; }

 private:
  graph::SlotPtr slot_;
};

class ReplayNode {
 public:
  explicit ReplayNode(std::vector<replay::TableOptions> tables,
                      replay::ReplayNodeOptions options = {})
      : body_(std::make_shared<replay::NodeBody>(std::move(tables), std::move(options))) {}

  // A handle, as add_node gives it.
  ReplayHandle create_handle() const { return ReplayHandle(body_->slot()); }
  // The node itself, as the program holds it.
  const std::shared_ptr<replay::NodeBody>& node() const { return body_; }

 private:
  std::shared_ptr<replay::NodeBody> body_;
};

namespace graph {

template <>
struct Resolver<ReplayHandle> {
  using Type = replay::Client;
  static Type resolve(const ReplayHandle& handle) { return handle.dereference(); }
  static void collect(const ReplayHandle& handle, Inputs& inputs) {
    inputs.push_back(handle.slot());
  }
};

}  // namespace graph
}  // namespace lp
