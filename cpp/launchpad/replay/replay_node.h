// ReplayNode(tables): a node, or several, that serves replay tables. Its handle becomes a
// replay::Client where it is given to another node. A value that stands for what was drawn; copies
// are the same. Drawing is done by one thread. The only part of this layer that knows the graph.
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
  // Nodes over which the tables are spread, behind one handle: see shards.h. Each has `max_size`
  // and the rate limiter of its own, and keeps its checkpoints in a folder of its own, "shard-N".
  int num_shards = 1;
};

class NodeBody final : public Node {
 public:
  // `shard`: of options.num_shards.
  NodeBody(std::vector<TableOptions> tables, ReplayNodeOptions options, int shard = 0);

  std::string kind() const override { return "ReplayNode"; }
  bool serves() const override { return true; }
  Status check() const override;
  void run(NodeContext& context) override;

 private:
  std::vector<TableOptions> tables_;
  ReplayNodeOptions options_;
};

// A body for each shard.
std::vector<std::shared_ptr<NodeBody>> make_shards(const std::vector<TableOptions>& tables,
                                                   const ReplayNodeOptions& options);

}  // namespace replay

// What add_node gives for a ReplayNode; becomes a replay::Client in the node that it is given to.
class ReplayHandle {
 public:
  // Of each shard.
  explicit ReplayHandle(graph::Inputs slots) : slots_(std::move(slots)) {}
  // Inside a running node. Throws lp::Error elsewhere.
  replay::Client dereference() const;
  // The nodes' places in the graph.
  const graph::Inputs& slots() const { return slots_; }

 private:
  graph::Inputs slots_;
};

class ReplayNode {
 public:
  explicit ReplayNode(std::vector<replay::TableOptions> tables,
                      replay::ReplayNodeOptions options = {})
      : bodies_(replay::make_shards(tables, options)) {}

  // A handle, as add_node gives it.
  ReplayHandle create_handle() const {
    graph::Inputs slots;
    for (const auto& body : bodies_) slots.push_back(body->slot());
    return ReplayHandle(std::move(slots));
  }
  // The nodes themselves, as the program holds them.
  const std::vector<std::shared_ptr<replay::NodeBody>>& nodes() const { return bodies_; }

 private:
  std::vector<std::shared_ptr<replay::NodeBody>> bodies_;
};

namespace graph {

template <>
struct Resolver<ReplayHandle> {
  using Type = replay::Client;
  static Type resolve(const ReplayHandle& handle) { return handle.dereference(); }
  static void collect(const ReplayHandle& handle, Inputs& inputs) {
    for (const SlotPtr& slot : handle.slots()) inputs.push_back(slot);
  }
};

}  // namespace graph
}  // namespace lp
