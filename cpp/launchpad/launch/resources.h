// Resources say how the processes of one label are started, on top of what their commands say.
// Plain values; threads take no notice of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

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

// INVALID_ARGUMENT, with the labels that there are, if one of the map is no task's.
Status check_labels(const ResourceMap& resources, const graph::Plan& plan);

// The command with what the resources add.
graph::Command with_resources(graph::Command command, const Resources& resources);

}  // namespace lp::launching
