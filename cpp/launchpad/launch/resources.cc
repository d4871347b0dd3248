#include "launchpad/launch/resources.h"

#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace lp::launching {
namespace {

std::string listed(const std::vector<int>& numbers) {
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return "[" + text + "]";
}

// Labels that no task has.
std::vector<graph::Finding> strangers(const ResourceMap& resources, const graph::Plan& plan) {
  std::set<std::string> labels;
  for (const graph::Task& task : plan.tasks) labels.insert(task.label);
  std::string all;
  for (const std::string& known : labels) all += (all.empty() ? "'" : ", '") + known + "'";
  std::vector<graph::Finding> findings;
  for (const auto& [label, unused] : resources) {
    if (labels.contains(label)) continue;
    findings.push_back(
        {true, "", "resources for the label '" + label + "', which no node has; there is: " + all,
         ""});
  }
  return findings;
}

}  // namespace

Machine this_machine() {
  Machine machine;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) machine.cpus.push_back(cpu);
    }
  }
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", ignored)) {
    const std::string name = entry.path().filename();
    machine.gpus += name.starts_with("nvidia") && name.size() > 6 &&
                    name.find_first_not_of("0123456789", 6) == std::string::npos;
  }
  return machine;
}

std::vector<graph::Finding> missing(const ResourceMap& resources, const Machine& machine,
                                    const std::string& name) {
  std::vector<graph::Finding> findings;
  const auto say = [&](bool error, const std::string& label, const char* kind,
                       const std::vector<int>& numbers, const std::string& there) {
    if (numbers.empty()) return;
    findings.push_back(
        {error, "",
         "the nodes under '" + label + "' ask for " + kind + " " + listed(numbers) + ", " + there,
         "Change " + name + "['" + label + "']."});
  };
  for (const auto& [label, asked] : resources) {
    std::vector<int> cpus, gpus;
    for (const int cpu : asked.cpus) {
      if (std::find(machine.cpus.begin(), machine.cpus.end(), cpu) == machine.cpus.end())
        cpus.push_back(cpu);
    }
    for (const int gpu : asked.gpus.value_or(std::vector<int>())) {
      if (gpu < 0 || gpu >= machine.gpus) gpus.push_back(gpu);
    }
    say(true, label, "CPUs", cpus,
        "which this process may not use; it may use " + listed(machine.cpus));
    say(false, label, "GPUs", gpus,
        "of " + std::to_string(machine.gpus) + " that this machine has, numbered from 0");
  }
  return findings;
}

Status check(const ResourceMap& resources, const graph::Plan& plan) {
  for (const auto& findings : {strangers(resources, plan), missing(resources, this_machine())}) {
    for (const graph::Finding& finding : findings) {
      if (finding.error) return Error(Code::kInvalidArgument, finding.what);
    }
  }
  return {};
}

graph::Report check(const graph::Plan& plan, const ResourceMap& resources) {
  graph::Report report = graph::check(plan);
  for (auto findings : {strangers(resources, plan), missing(resources, this_machine())}) {
    for (graph::Finding& finding : findings) report.findings.push_back(std::move(finding));
  }
  return report;
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
