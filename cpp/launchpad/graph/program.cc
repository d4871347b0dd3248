#include "launchpad/graph/program.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace lp {
namespace {

constexpr std::string_view kGiveLabel =
    "Label should not be empty. Give the node a label, or add it inside of a group(label).";

[[noreturn]] void reject(std::string why) {
  throw_error(Error(Code::kInvalidArgument, std::move(why)));
}

}  // namespace

Program::Program(std::string name) : name_(std::move(name)) {}

Group Program::group(std::string label) {
  if (label.empty()) reject(std::string(kGiveLabel));
  if (group_->has_value())
    reject("group() cannot be nested. Let the group '" + **group_ + "' end first.");
  *group_ = std::move(label);
  return Group(group_.get());
}

const std::string& Program::current_group() const {
  if (!group_->has_value())
    reject("Current group is only available in group context. Ask inside of a group(label).");
  return **group_;
}

void Program::add(std::shared_ptr<Node> node, std::string label, std::string where) {
  if (node == nullptr) reject("the node is null");
  if (group_->has_value()) {
    if (label.empty()) label = **group_;
    if (label != **group_) {
      reject("The given label does not match the current group: " + label + " vs " + **group_ +
             ". Leave the label out, or let the group end first.");
    }
  }
  if (label.empty()) reject(std::string(kGiveLabel));
  graph::Slot& slot = *node->slot();
  if (slot.added())
    reject("this node was already added, as '" + slot.name() + "': make a second node");
  slot.program = group_.get();
  slot.index =
      static_cast<int>(std::count_if(nodes_.begin(), nodes_.end(), [&](const Added& added) {
        return added.node->slot()->label == label;
      }));
  slot.label = std::move(label);
  slot.number = static_cast<int>(nodes_.size());
  nodes_.push_back({std::move(node), std::move(where)});
}

std::vector<std::string> Program::refused_edges(const Added& added) const {
  std::vector<std::string> refused;
  for (const graph::SlotPtr& input : added.node->inputs()) {
    std::string why;
    if (input == nullptr || !input->added()) {
      why = "holds a handle to a node that was never added to a program: call add_node for it";
    } else if (input->program != group_.get() || !holds(input)) {
      // A program that is gone may have had its storage where this one has it: the slot decides.
      why = "holds a handle to '" + input->name() +
            "' of another program: nodes reach only their own program's. Add a node like it to "
            "this program";
    }
    if (!why.empty() && std::find(refused.begin(), refused.end(), why) == refused.end())
      refused.push_back(std::move(why));
  }
  return refused;
}

std::vector<graph::Finding> Program::doubled_nodes() const {
  std::map<const graph::Slot*, std::string> places;
  for (const Added& added : nodes_)
    places.emplace(added.node->slot().get(), "under '" + added.node->slot()->label + "'");
  std::vector<graph::Finding> findings;
  for (const Added& added : nodes_) {
    const std::string host = added.node->slot()->name();
    for (const graph::SlotPtr& slot : added.node->inner()) {
      const auto [place, is_first] = places.emplace(slot.get(), "in '" + host + "'");
      if (is_first) continue;
      findings.push_back({true, host,
                          "(added at " + added.where + ") has a node inside of it that stands " +
                              place->second + " as well, but a node has one address",
                          "Make a node of its own for each place."});
    }
  }
  return findings;
}

std::vector<graph::Finding> Program::problems() const {
  number_inner();
  std::vector<graph::Finding> findings = doubled_nodes();
  for (const Added& added : nodes_) {
    const std::string place = "(added at " + added.where + ")";
    const std::string name = added.node->slot()->name();
    for (const std::string& why : refused_edges(added))
      findings.push_back({true, name, place + " " + why, ""});
    const Status complete = added.node->check();
    if (!complete.ok())
      findings.push_back({true, name, place + ": " + complete.error().message, ""});
  }
  return findings;
}

bool Program::holds(const graph::SlotPtr& slot) const {
  const auto number = static_cast<size_t>(slot->number);
  if (number < nodes_.size()) return nodes_[number].node->slot() == slot;
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const Added& added) {
    const graph::Inputs inner = added.node->inner();
    return std::find(inner.begin(), inner.end(), slot) != inner.end();
  });
}

void Program::number_inner() const {
  size_t number = nodes_.size();
  std::set<const graph::Slot*> numbered;  // One that stands in two places keeps the first.
  for (const Added& added : nodes_) numbered.insert(added.node->slot().get());
  for (const Added& added : nodes_) {
    int index = 0;
    for (const graph::SlotPtr& slot : added.node->inner()) {
      if (!numbered.insert(slot.get()).second) continue;
      slot->program = group_.get();
      slot->label = added.node->slot()->name();
      slot->index = index++;
      slot->number = static_cast<int>(number++);
    }
  }
}

Result<graph::Plan> Program::plan() const {
  std::string refused;
  for (const graph::Finding& problem : problems())
    refused += (refused.empty() ? "" : "\n") + ("node '" + problem.node + "' " + problem.what) +
               (problem.mend.empty() ? "" : ". " + problem.mend);
  if (!refused.empty()) return Error(Code::kInvalidArgument, std::move(refused));
  graph::Plan plan;
  plan.program = name_;
  std::vector<int> hosts;  // Of the nodes inside of others.
  for (const Added& added : nodes_)
    hosts.insert(hosts.end(), added.node->inner().size(), added.node->slot()->number);
  for (const Added& added : nodes_) {
    const Node& node = *added.node;
    graph::Task task;
    task.number = node.slot()->number;
    task.label = node.slot()->label;
    task.index = node.slot()->index;
    task.kind = node.kind();
    task.serves = node.serves();
    for (const graph::SlotPtr& input : node.inputs()) {
      const int inner = input->number - static_cast<int>(nodes_.size());
      const int to = inner < 0 ? input->number : hosts[static_cast<size_t>(inner)];
      if (inner < 0 || to != task.number) task.inputs.push_back(to);
    }
    task.pool = node.pool();
    task.where = added.where;
    task.command = node.command();
    if (node.runs_in_process()) {
      task.entry = [shared = added.node](std::shared_ptr<const run::Context> context) {
        NodeContext node_context(std::move(context));
        shared->run(node_context);
      };
    }
    task.payload = [shared = added.node](const run::Context& context) {
      return shared->payload(context);
    };
    for (const graph::SlotPtr& slot : node.inner()) {
      plan.inner.push_back({task.number, slot->name()});
    }
    plan.tasks.push_back(std::move(task));
  }
  return plan;
}

}  // namespace lp
