#include "launchpad/replay/sum_tree.h"

#include <algorithm>

namespace lp::replay {

SumTree::SumTree() { clear(); }

void SumTree::clear() { levels_ = {std::vector<double>(kChildren), std::vector<double>(1)}; }

size_t SumTree::bytes() const {
  size_t bytes = 0;
  for (const auto& level : levels_) bytes += level.capacity() * sizeof(double);
  return bytes;
}

double SumTree::sum_below(size_t level, size_t node) const {
  const double* child = levels_[level - 1].data() + node * kChildren;
  return ((child[0] + child[1]) + (child[2] + child[3])) +
         ((child[4] + child[5]) + (child[6] + child[7]));
}

// By a quarter at least, so that all growing together costs little for each leaf.
void SumTree::grow(size_t leaves) {
  const auto round_up = [](size_t n) { return (n + kChildren - 1) / kChildren * kChildren; };
  size_t size = round_up(std::max(leaves, this->leaves() + this->leaves() / 4));
  levels_[0].reserve(size);
  levels_[0].resize(size);
  levels_.resize(1);
  while (size > 1) {
    size = size == kChildren ? 1 : round_up(size / kChildren);
    levels_.emplace_back(size);
    const size_t level = levels_.size() - 1;
    const size_t nodes = levels_[level - 1].size() / kChildren;
    for (size_t node = 0; node < nodes; ++node) levels_[level][node] = sum_below(level, node);
  }
}

void SumTree::set(size_t leaf, double weight) {
  if (leaf >= leaves()) grow(leaf + 1);
  levels_[0][leaf] = weight;
  for (size_t level = 1; level < levels_.size(); ++level) {
    leaf /= kChildren;
    levels_[level][leaf] = sum_below(level, leaf);
  }
}

// Which of eight children holds `target`, and what is left of it there.
size_t SumTree::child_of(const double* children, double& target) {
  double ends[kChildren];
  double sum = 0;
  for (size_t i = 0; i < kChildren; ++i) ends[i] = sum += children[i];
  size_t chosen = 0;
  for (size_t i = 0; i + 1 < kChildren; ++i) chosen += target >= ends[i];
  const double rest = chosen == 0 ? target : target - ends[chosen - 1];
  if (children[chosen] > 0.0 && rest < children[chosen]) {
    target = rest;
    return chosen;
  }
  // Rounding left `target` beyond the last child: the last one with a weight, at its end.
  for (size_t i = 0; i < kChildren; ++i) {
    if (children[i] > 0.0) chosen = i;
  }
  target = children[chosen];
  return chosen;
}

size_t SumTree::find(double target) const {
  size_t node = 0;
  for (size_t level = levels_.size() - 1; level-- > 0;) {
    node = node * kChildren + child_of(levels_[level].data() + node * kChildren, target);
  }
  return node;
}

void SumTree::find(std::span<double> targets, std::span<size_t> found) const {
  for (size_t& node : found) node = 0;
  for (size_t level = levels_.size() - 1; level-- > 0;) {
    for (size_t i = 0; i < targets.size(); ++i) {
      const size_t node = found[i] * kChildren;
      found[i] = node + child_of(levels_[level].data() + node, targets[i]);
      if (level > 0) __builtin_prefetch(levels_[level - 1].data() + found[i] * kChildren);
    }
  }
}

void SumTree::prefetch(size_t leaf) const {
  for (const auto& level : levels_) {
    if (leaf >= level.size()) return;
    __builtin_prefetch(level.data() + leaf, 1);
    leaf /= kChildren;
  }
}

}  // namespace lp::replay
