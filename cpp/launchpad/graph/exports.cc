#include "launchpad/graph/exports.h"

namespace lp::graph {
namespace {

std::map<std::string, ExportedNode>& registry() {
  static auto* const registry = new std::map<std::string, ExportedNode>();
  return *registry;
}

}  // namespace

bool export_node(std::string_view name, ExportedNode node) {
  const bool fresh = registry().emplace(std::string(name), std::move(node)).second;
  LP_CHECK(fresh) << "two classes are exported as '" << name << "'";
  return true;
}

const ExportedNode* find_exported(const std::string& name) {
  const auto found = registry().find(name);
  return found == registry().end() ? nullptr : &found->second;
}

std::string exported_names() {
  std::string names;
  for (const auto& [name, node] : registry()) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : names;
}

}  // namespace lp::graph
