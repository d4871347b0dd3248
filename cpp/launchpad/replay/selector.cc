#include "launchpad/replay/selector.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "launchpad/replay/dense_slots.h"
#include "launchpad/replay/heap.h"
#include "launchpad/replay/sum_tree.h"

namespace lp::replay {
namespace {

// So many weights can be added up without overflow, for any number of slots.
constexpr double kMaxWeight = 1e290;

Error bad_priority(const std::string& what) {
  return Error(Code::kInvalidArgument, "Priority must not be " + what + ".");
}

double weight_of(double priority, double exponent) {
  if (priority == 0.0) return 0.0;
  if (exponent == 1.0) return priority;
  return std::pow(priority, exponent);
}

// Fifo and Lifo: a list through the slots, in the order of insertion.
class Queue final : public Selector {
 public:
  explicit Queue(bool newest_first) : newest_first_(newest_first) {}

  void insert(Slot slot, double) override {
    if (slot >= links_.size()) links_.resize(slot + 1);
    links_[slot] = {last_, kNone};
    (last_ == kNone ? first_ : links_[last_].next) = slot;
    last_ = slot;
    ++size_;
  }
  void update(Slot, double) override {}
  void remove(Slot slot) override {
    const Link link = links_[slot];
    (link.previous == kNone ? first_ : links_[link.previous].next) = link.next;
    (link.next == kNone ? last_ : links_[link.next].previous) = link.previous;
    --size_;
  }
  Pick pick(base::Rng&) override { return {newest_first_ ? last_ : first_, 1.0}; }
  void clear() override {
    links_.clear();
    first_ = last_ = kNone;
    size_ = 0;
  }
  size_t size() const override { return size_; }
  size_t bytes() const override { return links_.capacity() * sizeof(Link); }

 private:
  static constexpr Slot kNone = ~Slot{0};
  struct Link {
    Slot previous = kNone;
    Slot next = kNone;
  };
  const bool newest_first_;
  std::vector<Link> links_;
  Slot first_ = kNone;
  Slot last_ = kNone;
  size_t size_ = 0;
};

// A random position of `size`.
size_t any_of(size_t size, base::Rng& rng) {
  return static_cast<size_t>((static_cast<unsigned __int128>(rng()) * size) >> 64);
}

class Uniform final : public Selector {
 public:
  void insert(Slot slot, double) override { slots_.insert(slot); }
  void update(Slot, double) override {}
  void remove(Slot slot) override { slots_.remove(slot); }
  Pick pick(base::Rng& rng) override {
    return {slots_.at(any_of(slots_.size(), rng)), 1.0 / static_cast<double>(slots_.size())};
  }
  void clear() override { slots_.clear(); }
  size_t size() const override { return slots_.size(); }
  size_t bytes() const override { return slots_.bytes(); }

 private:
  DenseSlots slots_;
};

// Leaf i of the tree is the weight of the slot at position i.
class Prioritized final : public Selector {
 public:
  explicit Prioritized(double exponent) : exponent_(exponent) {}

  Status check(double priority) const override {
    return check_priority({SelectorKind::kPrioritized, exponent_}, priority);
  }
  void insert(Slot slot, double priority) override {
    tree_.set(slots_.size(), weight(priority));
    slots_.insert(slot);
  }
  void update(Slot slot, double priority) override {
    tree_.set(slots_.position(slot), weight(priority));
  }
  void remove(Slot slot) override {
    const size_t position = slots_.remove(slot);
    const size_t last = slots_.size();
    tree_.set(position, tree_.weight(last));
    tree_.set(last, 0.0);
  }
  Pick pick(base::Rng& rng) override {
    const double total = tree_.total();
    if (total <= 0.0) {
      return {slots_.at(any_of(slots_.size(), rng)), 1.0 / static_cast<double>(slots_.size())};
    }
    const size_t leaf = tree_.find(unit(rng) * total);
    return {slots_.at(leaf), tree_.weight(leaf) / total};
  }
  void pick_many(base::Rng& rng, std::span<Pick> picks) override {
    constexpr size_t kGroup = 16;
    const double total = tree_.total();
    if (total <= 0.0) return Selector::pick_many(rng, picks);
    std::array<double, kGroup> targets;
    std::array<size_t, kGroup> leaves;
    while (!picks.empty()) {
      const auto group = picks.first(std::min(kGroup, picks.size()));
      picks = picks.subspan(group.size());
      for (size_t i = 0; i < group.size(); ++i) targets[i] = unit(rng) * total;
      tree_.find(std::span(targets).first(group.size()), std::span(leaves).first(group.size()));
      for (size_t i = 0; i < group.size(); ++i) slots_.prefetch(leaves[i]);
      for (size_t i = 0; i < group.size(); ++i) {
        group[i] = {slots_.at(leaves[i]), tree_.weight(leaves[i]) / total};
      }
    }
  }
  void clear() override {
    slots_.clear();
    tree_.clear();
  }
  double weight() const override { return tree_.total(); }
  size_t size() const override { return slots_.size(); }
  size_t bytes() const override { return slots_.bytes() + tree_.bytes(); }
  void prefetch(Slot slot) const override { tree_.prefetch(slots_.position(slot)); }

 private:
  // A double in [0, 1).
  static double unit(base::Rng& rng) {
    constexpr double kStep = 1.0 / 9007199254740992.0;  // 2^-53.
    return static_cast<double>(rng() >> 11) * kStep;
  }
  double weight(double priority) const { return weight_of(priority, exponent_); }

  const double exponent_;
  DenseSlots slots_;
  SumTree tree_;
};

class Heap final : public Selector {
 public:
  explicit Heap(double sign) : sign_(sign) {}
  void insert(Slot slot, double priority) override { heap_.insert(slot, sign_ * priority); }
  void update(Slot slot, double priority) override { heap_.update(slot, sign_ * priority); }
  void remove(Slot slot) override { heap_.remove(slot); }
  Pick pick(base::Rng&) override { return {heap_.top(), 1.0}; }
  void clear() override { heap_.clear(); }
  size_t size() const override { return heap_.size(); }
  size_t bytes() const override { return heap_.bytes(); }

 private:
  const double sign_;
  IndexedHeap heap_;
};

}  // namespace

Status check_selector(const SelectorOptions& options) {
  if (options.kind < SelectorKind::kFifo || options.kind > SelectorKind::kMaxHeap) {
    return Error(Code::kInvalidArgument,
                 "there is no selector " + std::to_string(static_cast<int>(options.kind)));
  }
  if (!std::isfinite(options.priority_exponent)) {
    return Error(Code::kInvalidArgument, "priority_exponent must be a finite number");
  }
  return {};
}

Status check_priority(const SelectorOptions& options, double priority) {
  if (std::isnan(priority)) return bad_priority("NaN");
  if (options.kind != SelectorKind::kPrioritized) return {};
  if (priority < 0) return bad_priority("negative");
  if (std::isinf(priority)) return bad_priority("infinite");
  if (weight_of(priority, options.priority_exponent) <= kMaxWeight) return {};
  return Error(Code::kInvalidArgument, "Priority " + std::to_string(priority) +
                                           " is too large for the exponent " +
                                           std::to_string(options.priority_exponent) + ".");
}

Status check_priority(const SelectorOptions& sampler, const SelectorOptions& remover,
                      double priority) {
  LP_TRY(check_priority(sampler, priority));
  return check_priority(remover, priority);
}

Status Selector::check(double priority) const { return check_priority({}, priority); }

void Selector::pick_many(base::Rng& rng, std::span<Pick> picks) {
  for (Pick& each : picks) each = pick(rng);
}

void Selector::prefetch(Slot) const {}

std::unique_ptr<Selector> make_selector(const SelectorOptions& options) {
  switch (options.kind) {
    case SelectorKind::kFifo:
      return std::make_unique<Queue>(false);
    case SelectorKind::kLifo:
      return std::make_unique<Queue>(true);
    case SelectorKind::kUniform:
      return std::make_unique<Uniform>();
    case SelectorKind::kPrioritized:
      return std::make_unique<Prioritized>(options.priority_exponent);
    case SelectorKind::kMinHeap:
      return std::make_unique<Heap>(1.0);
    case SelectorKind::kMaxHeap:
      return std::make_unique<Heap>(-1.0);
  }
  LP_CHECK(false) << "a selector that was not checked";
  return nullptr;
}

}  // namespace lp::replay
