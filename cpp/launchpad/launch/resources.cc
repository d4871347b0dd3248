#include "launchpad/launch/resources.h"

#include <set>

namespace lp::launching {

Status check_labels(const ResourceMap& resources, const graph::Plan& plan) {
  std::set<std::string> labels;
  for (const graph::Task& task : plan.tasks) labels.insert(task.label);
  for (const auto& [label, unused] : resources) {
    if (labels.contains(label)) continue;
    std::string all;
    for (const std::string& known : labels) all += (all.empty() ? "'" : ", '") + known + "'";
    return Error(Code::kInvalidArgument,
                 "resources for the label '" + label + "', which no node has; there is: " + all);
  }
  return {};
}

graph::Command with_resources(graph::Command command, const Resources& resources) {
  for (const auto& [name, value] : resources.env) command.env[name] = value;
  if (!resources.cwd.empty()) command.cwd = resources.cwd;
  if (!resources.cpus.empty()) command.cpus = resources.cpus;
  if (resources.gpus) {
    std::string numbers;
    for (const int gpu : *resources.gpus)
      numbers += (numbers.empty() ? "" : ",") + std::to_string(gpu);
    command.env["CUDA_VISIBLE_DEVICES"] = numbers;
  }
  return command;
}

}  // namespace lp::launching
