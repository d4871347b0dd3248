// Resources say how the processes of one label are started, on top of what their commands say.
// Plain values; threads take no notice of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launchpad/graph/check.h"
#include "launchpad/graph/plan.h"

namespace lp::launching {

struct Resources {
  std::map<std::string, std::string> env{};  // Added to the launcher's.
  std::string cwd{};                         // Empty: the launcher's.
  std::vector<int> cpus{};                   // Those that it may run on. Empty: the launcher's.
  // What CUDA_VISIBLE_DEVICES says; an empty list hides every GPU. None: as the launcher's.
  std::optional<std::vector<int>> gpus{};
};

// By label.
using ResourceMap = std::map<std::string, Resources>;

// What this machine has for a process of this one.
struct Machine {
  std::vector<int> cpus;  // Those that it may run on.
  int gpus = 0;
};
Machine this_machine();

// What the resources ask for that is not there: CPUs are an error, GPUs a warning (the driver may
// come later). `name` is the map's, for what to do.
std::vector<graph::Finding> missing(const ResourceMap& resources, const Machine& machine,
                                    const std::string& name = "resources");

// INVALID_ARGUMENT, with the labels that there are, if one of the map is no task's; or with the
// first error of missing().
Status check(const ResourceMap& resources, const graph::Plan& plan);
// All findings, of the graph and of the resources.
graph::Report check(const graph::Plan& plan, const ResourceMap& resources);

// The command with what the resources add.
graph::Command with_resources(graph::Command command, const Resources& resources);

}  // namespace lp::launching
