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

size_t SumTree::find(double target) const {
  size_t node = 0;
  for (size_t level = levels_.size() - 1; level-- > 0;) {
    const double* child = levels_[level].data() + node * kChildren;
    // Rounding may leave `target` beyond the last child: then the last one with a weight.
    size_t chosen = 0;
    double rest = target;
    for (size_t i = 0; i < kChildren; ++i) {
      if (child[i] <= 0.0) continue;
      chosen = i;
      rest = target;
      if (target < child[i]) break;
      target -= child[i];
    }
    target = rest;
    node = node * kChildren + chosen;
  }
  return node;
}

void SumTree::prefetch(size_t leaf) const {
  for (const auto& level : levels_) {
    if (leaf >= level.size()) return;
    __builtin_prefetch(level.data() + leaf, 1);
    leaf /= kChildren;
  }
}

}  // namespace lp::replay
