#include "launchpad/graph/colocation.h"

#include <algorithm>
#include <exception>
#include <thread>

#include "launchpad/base/guarded.h"

namespace lp::graph {
namespace {

// What the nodes' threads and the colocation share; threads of nodes that do not end outlive it.
struct Ends {
  size_t ended = 0;
  std::exception_ptr failure;
};

void run_inside(Node& node, const std::shared_ptr<const run::Context>& context,
                base::Guarded<Ends>& ends) {
  const run::ScopedContext scope(context);
  std::exception_ptr failure;
  try {
    NodeContext node_context(context);
    node.run(node_context);
  } catch (...) {
    failure = std::current_exception();
  }
  context->bound->reset();  // A node that never listened answers nobody.
  ends.with_notify([&](Ends& state) {
    ++state.ended;
    if (!state.failure) state.failure = failure;
  });
}

// The node's own context: the colocation's, but for where it listens.
std::shared_ptr<const run::Context> context_of(const Node& node, const run::Context& outer) {
  auto context = std::make_shared<run::Context>(outer);
  context->bound = std::make_shared<std::unique_ptr<net::Listener>>();
  if (node.serves()) *context->bound = outer.listen_inner(node.slot()->number).value_or_throw();
  return context;
}

}  // namespace

bool ColocationBody::contains(const Node& node, const Node& inner) {
  if (&node == &inner) return true;
  const auto* body = dynamic_cast<const ColocationBody*>(&node);
  return body != nullptr && std::any_of(body->nodes_.begin(), body->nodes_.end(),
                                        [&](const auto& each) { return contains(*each, inner); });
}

void ColocationBody::add(std::shared_ptr<Node> node) {
  if (contains(*node, *this)) {
    throw_error(Error(Code::kInvalidArgument,
                      "a Colocation cannot be inside of itself: make a second one"));
  }
  nodes_.push_back(std::move(node));
}

std::string ColocationBody::kind() const {
  std::string kinds;
  for (const auto& node : nodes_) kinds += (kinds.empty() ? "" : ", ") + node->kind();
  return "Colocation<" + kinds + ">";
}

Inputs ColocationBody::inputs() const {
  Inputs all;
  for (const auto& node : nodes_) {
    for (const SlotPtr& input : node->inputs()) all.push_back(input);
  }
  return all;
}

Inputs ColocationBody::inner() const {
  Inputs all;
  for (const auto& node : nodes_) {
    if (node->serves()) all.push_back(node->slot());
    for (const SlotPtr& slot : node->inner()) all.push_back(slot);
  }
  return all;
}

Status ColocationBody::check() const {
  if (nodes_.empty())
    return Error(Code::kInvalidArgument, "a Colocation requires at least one node");
  for (const auto& node : nodes_) {
    if (!node->runs_in_process()) {
      return Error(Code::kInvalidArgument, node->kind() +
                                               " is a process of its own and cannot be inside of a "
                                               "Colocation: add it to the program");
    }
    LP_TRY(node->check());
  }
  return {};
}

void ColocationBody::run(NodeContext& context) {
  const auto ends = std::make_shared<base::Guarded<Ends>>();
  for (const auto& node : nodes_) {
    std::thread([node, ends, own = context_of(*node, *context.run_context())] {
      run_inside(*node, own, *ends);
    }).detach();
  }
  const size_t wanted = return_on_first_completed ? 1 : nodes_.size();
  const std::exception_ptr failure = ends->wait(
      std::nullopt, [&](Ends& state) { return state.failure || state.ended >= wanted; },
      [](Ends& state, bool) { return state.failure; });
  if (failure) std::rethrow_exception(failure);
}

}  // namespace lp::graph
