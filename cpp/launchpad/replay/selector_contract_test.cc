// What holds for every selector; a new kind joins the list at the end.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "launchpad/replay/selector.h"

namespace lp::replay {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A slow selector that is plainly right: says what may be picked, and how likely.
class Model {
 public:
  explicit Model(SelectorOptions options) : options_(options) {}

  void insert(Slot slot, double priority) { items_[slot] = {priority, ++clock_, clock_}; }
  void update(Slot slot, double priority) {
    items_[slot].priority = priority;
    items_[slot].touched = ++clock_;
  }
  void remove(Slot slot) { items_.erase(slot); }
  void clear() { items_.clear(); }
  const auto& items() const { return items_; }

  double probability(Slot slot) const {
    if (options_.kind == SelectorKind::kUniform) return 1.0 / static_cast<double>(items_.size());
    if (options_.kind != SelectorKind::kPrioritized) return slot == best() ? 1.0 : 0.0;
    double total = 0;
    for (const auto& [other, item] : items_) total += weight(item.priority);
    if (total == 0) return 1.0 / static_cast<double>(items_.size());
    return weight(items_.at(slot).priority) / total;
  }

 private:
  struct Item {
    double priority;
    uint64_t touched;
    uint64_t inserted;
  };
  double weight(double priority) const {
    return priority == 0 ? 0 : std::pow(priority, options_.priority_exponent);
  }
  std::pair<double, uint64_t> order(const Item& item) const {
    switch (options_.kind) {
      case SelectorKind::kFifo:
        return {0, item.inserted};
      case SelectorKind::kLifo:
        return {-static_cast<double>(item.inserted), 0};
      case SelectorKind::kMinHeap:
        return {item.priority, item.touched};
      default:
        return {-item.priority, item.touched};
    }
  }
  Slot best() const {
    auto least = items_.begin();
    for (auto it = items_.begin(); it != items_.end(); ++it) {
      if (order(it->second) < order(least->second)) least = it;
    }
    return least->first;
  }

  SelectorOptions options_;
  std::map<Slot, Item> items_;
  uint64_t clock_ = 0;
};

class SelectorContract : public testing::TestWithParam<SelectorOptions> {
 protected:
  void SetUp() override { RecordProperty("seed", std::to_string(seed_)); }
  const uint64_t seed_ = base::fresh_seed();
  base::Rng rng_{seed_};
  std::unique_ptr<Selector> selector_ = make_selector(GetParam());
};

TEST_P(SelectorContract, PicksWhatTheModelAllowsThroughAnyChanges) {
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed_));
  Model model(GetParam());
  for (int round = 0; round < 20'000; ++round) {
    const auto slot = static_cast<Slot>(rng_() % 100);
    const double priority = static_cast<double>(rng_() % 10);
    const bool there = model.items().count(slot) > 0;
    if (rng_() % 2'000 == 0) {
      selector_->clear();
      model.clear();
    } else if (!there) {
      selector_->insert(slot, priority);
      model.insert(slot, priority);
    } else if (rng_() % 2 == 0) {
      selector_->update(slot, priority);
      model.update(slot, priority);
    } else {
      selector_->remove(slot);
      model.remove(slot);
    }
    ASSERT_EQ(selector_->size(), model.items().size());
    if (model.items().empty()) continue;
    const Selector::Pick pick = selector_->pick(rng_);
    ASSERT_TRUE(model.items().count(pick.slot)) << pick.slot << " in round " << round;
    const double expected = model.probability(pick.slot);
    ASSERT_GT(expected, 0.0) << "slot " << pick.slot << " in round " << round;
    ASSERT_NEAR(pick.probability, expected, 1e-9) << "in round " << round;
  }
}

TEST_P(SelectorContract, PicksAsOftenAsItSays) {
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed_));
  Model model(GetParam());
  for (Slot slot = 0; slot < 20; ++slot) {
    selector_->insert(slot, 1.0 + slot % 5);
    model.insert(slot, 1.0 + slot % 5);
  }
  constexpr int kPicks = 100'000;
  std::map<Slot, int> counts;
  for (int i = 0; i < kPicks; ++i) ++counts[selector_->pick(rng_).slot];
  double chi_squared = 0;
  for (Slot slot = 0; slot < 20; ++slot) {
    const double expected = model.probability(slot) * kPicks;
    if (expected == 0) {
      EXPECT_EQ(counts[slot], 0);
    } else {
      chi_squared += std::pow(counts[slot] - expected, 2) / expected;
    }
  }
  EXPECT_LT(chi_squared, 60);  // 19 degrees of freedom: beyond it once in 4 million runs.
}

TEST_P(SelectorContract, ManyPicksAreAsManySinglePicks) {
  for (Slot slot = 0; slot < 1000; ++slot) selector_->insert(slot, slot % 7);
  base::Rng a(5), b(5);
  std::vector<Selector::Pick> picks(100);
  selector_->pick_many(a, picks);
  for (const Selector::Pick& many : picks) {
    const Selector::Pick one = selector_->pick(b);
    EXPECT_EQ(many.slot, one.slot);
    EXPECT_EQ(many.probability, one.probability);
  }
}

TEST_P(SelectorContract, RefusesNotANumber) {
  EXPECT_EQ(selector_->check(kNan).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(selector_->check(0.0).ok());
  EXPECT_TRUE(selector_->check(1e6).ok());
}

TEST_P(SelectorContract, TheSameSeedPicksTheSame) {
  for (Slot slot = 0; slot < 50; ++slot) selector_->insert(slot, slot);
  base::Rng a(5), b(5);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(selector_->pick(a).slot, selector_->pick(b).slot);
}

std::string kind_name(const testing::TestParamInfo<SelectorOptions>& test) {
  static const char* const kNames[] = {"Fifo",        "Lifo",    "Uniform",
                                       "Prioritized", "MinHeap", "MaxHeap"};
  return kNames[static_cast<int>(test.param.kind) - 1] + std::to_string(test.index);
}

INSTANTIATE_TEST_SUITE_P(All, SelectorContract,
                         testing::Values(fifo(), lifo(), uniform(), prioritized(1.0),
                                         prioritized(0.5), prioritized(0.0), prioritized(-1.0),
                                         min_heap(), max_heap()),
                         kind_name);

TEST(Prioritized, RefusesWhatItCannotWeigh) {
  const auto selector = make_selector(prioritized(2.0));
  for (const double bad : {-1.0, -1e-300, std::numeric_limits<double>::infinity(), 1e200}) {
    EXPECT_EQ(selector->check(bad).error().code, Code::kInvalidArgument) << bad;
  }
  EXPECT_EQ(selector->check(-1).error().message, "Priority must not be negative.");
}

TEST(Prioritized, SumsDoNotDriftOverMillionsOfChangesOfAllSizes) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  const auto selector = make_selector(prioritized(1.0));
  for (Slot slot = 0; slot < 1000; ++slot) selector->insert(slot, 1.0);
  for (int i = 0; i < 1'000'000; ++i) {
    selector->update(static_cast<Slot>(rng() % 1000), std::pow(10.0, int(rng() % 30) - 15));
  }
  for (Slot slot = 0; slot < 1000; ++slot) selector->update(slot, 1e-15);
  EXPECT_NEAR(selector->pick(rng).probability, 1e-3, 1e-12);
}

TEST(Prioritized, NeverPicksAnItemWithoutWeight) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  const auto selector = make_selector(prioritized(0.0));
  for (Slot slot = 0; slot < 1000; ++slot) selector->insert(slot, slot % 100 == 7 ? 3.0 : 0.0);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(selector->pick(rng).slot % 100, 7U);
}

TEST(CheckSelector, NamesWhatIsWrong) {
  EXPECT_TRUE(check_selector(prioritized(-0.5)).ok());
  EXPECT_FALSE(check_selector(prioritized(kNan)).ok());
  EXPECT_FALSE(check_selector({static_cast<SelectorKind>(0), 1.0}).ok());
  EXPECT_FALSE(check_selector({static_cast<SelectorKind>(7), 1.0}).ok());
}

}  // namespace
}  // namespace lp::replay
