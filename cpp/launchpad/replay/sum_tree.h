// SumTree finds the leaf in which a running sum of weights reaches a given value. Nodes have eight
// children, one cache line; a node is always the sum of its children as they are now, so errors of
// rounding do not add up over time. One thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lp::replay {

class SumTree {
 public:
  SumTree();

  double total() const { return levels_.back()[0]; }
  // 0 for a leaf that was never set.
  double weight(size_t leaf) const { return leaf < leaves() ? levels_[0][leaf] : 0.0; }
  // Weight >= 0, finite.
  void set(size_t leaf, double weight);
  // The leaf where the sum of the weights up to it first exceeds `target`, 0 <= target < total().
  // Never one without weight, whatever the rounding. Only if total() > 0.
  size_t find(double target) const;
  // The same for each of `targets`, whose leaves it puts into `found`: side by side, so that one
  // does not wait for the memory of the other.
  void find(std::span<double> targets, std::span<size_t> found) const;
  void clear();
  size_t bytes() const;
  void prefetch(size_t leaf) const;

 private:
  static constexpr size_t kChildren = 8;

  size_t leaves() const { return levels_[0].size(); }
  void grow(size_t leaves);
  static size_t child_of(const double* children, double& target);
  double sum_below(size_t level, size_t node) const;

  // levels_[0] are the leaves; each level has a multiple of eight, but for the root's.
  std::vector<std::vector<double>> levels_;
};

}  // namespace lp::replay
