#include "launchpad/graph/check.h"

#include <algorithm>
#include <deque>

#include "launchpad/graph/program.h"

namespace lp {
namespace graph {
namespace {

bool bounded(const Task& task) { return task.serves && task.pool > 0; }

// The shortest way from the task back to itself through bounded tasks; empty: there is none.
std::vector<int> way_back(const Plan& plan, int start) {
  std::vector<int> before(plan.tasks.size(), -1);
  std::deque<int> queue{start};
  while (!queue.empty()) {
    const int at = queue.front();
    queue.pop_front();
    for (const int next : plan.tasks[static_cast<size_t>(at)].inputs) {
      if (static_cast<size_t>(next) >= plan.tasks.size()) continue;  // Inside of another node.
      if (next == start) {
        std::vector<int> way{at};
        while (way.back() != start) way.push_back(before[static_cast<size_t>(way.back())]);
        std::reverse(way.begin(), way.end());
        return way;
      }
      if (before[static_cast<size_t>(next)] >= 0) continue;
      if (!bounded(plan.tasks[static_cast<size_t>(next)])) continue;
      before[static_cast<size_t>(next)] = at;
      queue.push_back(next);
    }
  }
  return {};
}

Finding describe(const Plan& plan, const std::vector<int>& cycle) {
  std::string way;
  for (const int number : cycle) {
    const Task& task = plan.tasks[static_cast<size_t>(number)];
    way += task.name() + " (" + std::to_string(task.pool) +
           (task.pool == 1 ? " thread) -> " : " threads) -> ");
  }
  const Task& first = plan.tasks[static_cast<size_t>(cycle.front())];
  return {false, first.name(),
          "its calls can come back to it: " + way + first.name() +
              ". If all threads of these nodes wait for each other's answers, none is left to give "
              "one",
          "let one of these nodes call without waiting (futures), or take the bound off its number "
          "of threads; the node was added at " +
              first.where};
}

}  // namespace

bool Report::ok() const {
  return std::none_of(findings.begin(), findings.end(), [](const Finding& f) { return f.error; });
}

std::string Report::text() const {
  std::string text;
  for (const Finding& finding : findings) {
    text += finding.error ? "error: " : "warning: ";
    if (!finding.node.empty()) text += "node '" + finding.node + "': ";
    text += finding.what + "\n";
    if (!finding.mend.empty()) text += "  " + finding.mend + "\n";
  }
  return text;
}

std::vector<std::vector<int>> bounded_cycles(const Plan& plan) {
  std::vector<std::vector<int>> cycles;
  std::vector<bool> told(plan.tasks.size());
  for (const Task& task : plan.tasks) {
    if (!bounded(task) || told[static_cast<size_t>(task.number)]) continue;
    std::vector<int> cycle = way_back(plan, task.number);
    if (cycle.empty()) continue;
    for (const int number : cycle) told[static_cast<size_t>(number)] = true;
    cycles.push_back(std::move(cycle));
  }
  return cycles;
}

Report check(const Plan& plan) {
  Report report;
  if (plan.tasks.empty()) {
    report.findings.push_back(
        {false, "", "program '" + plan.program + "' has no nodes", "add nodes with add_node"});
  }
  for (const auto& cycle : bounded_cycles(plan)) report.findings.push_back(describe(plan, cycle));
  return report;
}

}  // namespace graph

Report check(const Program& program) {
  Report report{program.problems()};
  if (report.ok()) return graph::check(program.plan().value());
  return report;
}

}  // namespace lp
