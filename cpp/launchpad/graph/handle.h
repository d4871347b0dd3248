// Handle<T> stands for a client to a T that does not run yet. Given to another node's constructor
// arguments it becomes an edge of the graph, and arrives there as a Client<T>. A value; copies are
// the same handle.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "launchpad/courier/client.h"
#include "launchpad/graph/slot.h"

namespace lp {
namespace graph {

// A channel to the slot's node, from the calling thread's run context.
// FAILED_PRECONDITION: no program runs here.
Result<std::shared_ptr<courier::Channel>> open_channel(const Slot& slot);

}  // namespace graph

template <class T>
class Handle {
 public:
  Handle() = default;
  explicit Handle(graph::SlotPtr slot, std::optional<base::Nanos> timeout = std::nullopt)
      : slot_(std::move(slot)), timeout_(timeout) {}

  // The client; inside a running node (or a test that runs one). Throws lp::Error elsewhere.
  Client<T> dereference() const {
    LP_CHECK(slot_ != nullptr) << "an empty Handle: it was default-constructed";
    Client<T> client(graph::open_channel(*slot_).value_or_throw());
    return timeout_ ? client.within(*timeout_) : client;
  }

  // A handle whose clients' calls fail with DEADLINE_EXCEEDED if they take longer.
  Handle within(base::Nanos timeout) const { return Handle(slot_, timeout); }

  // The node's place in the graph.
  const graph::SlotPtr& slot() const { return slot_; }

 private:
  graph::SlotPtr slot_;
  std::optional<base::Nanos> timeout_;
};

// What add_node gives for a node that serves nothing.
class NodeRef {
 public:
  explicit NodeRef(graph::SlotPtr slot) : slot_(std::move(slot)) {}
  // The node's place in the graph.
  const graph::SlotPtr& slot() const { return slot_; }

 private:
  graph::SlotPtr slot_;
};

}  // namespace lp
