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
  explicit Handle(graph::SlotPtr slot) : slot_(std::move(slot)) {}

  // The client; inside a running node (or a test that runs one). Throws lp::Error elsewhere.
  Client<T> dereference() const {
    LP_CHECK(slot_ != nullptr) << "an empty Handle: it was default-constructed";
    Client<T> client(graph::open_channel(*slot_).value_or_throw());
    if (timeout_) client = client.within(*timeout_);
    return retry_ ? client.retrying(*retry_) : client;
  }

  // A handle whose clients' calls fail with DEADLINE_EXCEEDED if they take longer.
  Handle within(base::Nanos timeout) const {
    Handle copy = *this;
    copy.timeout_ = timeout;
    return copy;
  }
  // A handle whose clients make calls again that fail as UNAVAILABLE: see Client::retrying.
  template <auto... Method>
  Handle retrying(RetryPolicy policy) const {
    static_assert((T::courier_methods::template contains<Method> && ...),
                  "a method is not listed in T::courier_methods");
    (policy.methods.emplace_back(courier::method_name<Method>()), ...);
    policy.check().value_or_throw();
    Handle copy = *this;
    copy.retry_ = std::make_shared<const RetryPolicy>(std::move(policy));
    return copy;
  }

  // The node's place in the graph.
  const graph::SlotPtr& slot() const { return slot_; }

 private:
  graph::SlotPtr slot_;
  std::optional<base::Nanos> timeout_;
  std::shared_ptr<const RetryPolicy> retry_;
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
