#include "launchpad/courier/pending.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace lp::courier {
namespace {

std::shared_ptr<Pending> with_id(uint64_t id) {
  auto pending = std::make_shared<Pending>();
  pending->id = id;
  return pending;
}

TEST(PendingCalls, KeepsACallUntilItIsTaken) {
  PendingCalls calls;
  std::weak_ptr<Pending> watched;
  {
    const auto pending = with_id(7);
    watched = pending;
    calls.add(*pending, pending);
  }
  ASSERT_EQ(calls.find(7), watched.lock().get());
  EXPECT_EQ(calls.find(15), nullptr);
  EXPECT_FALSE(calls.take(15));
  EXPECT_EQ(calls.size(), 1u);
  calls.take(7);
  EXPECT_TRUE(watched.expired());
  EXPECT_TRUE(calls.empty());
}

TEST(PendingCalls, FreesTheCallsThatAreLeftInIt) {
  std::weak_ptr<Pending> watched;
  {
    PendingCalls calls;
    const auto pending = with_id(7);
    watched = pending;
    calls.add(*pending, pending);
  }
  EXPECT_TRUE(watched.expired());
}

TEST(PendingCalls, ACallWhoseCallerWaitsHasNoOwner) {
  PendingCalls calls;
  Pending pending;
  pending.id = 1;
  calls.add(pending, nullptr);
  const auto entry = calls.take(1);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->pending, &pending);
  EXPECT_EQ(entry->owner, nullptr);
}

TEST(PendingCalls, IsAMapFromIds) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  PendingCalls calls;
  std::map<uint64_t, Pending*> model;
  uint64_t next_id = 1;
  for (int step = 0; step < 50'000; ++step) {
    // It grows and shrinks in turns.
    const bool adds = random() % 10 < (step / 5000 % 2 == 0 ? 7 : 3);
    if (adds) {
      const auto pending = with_id(next_id += 1 + random() % 3);
      model[pending->id] = pending.get();
      calls.add(*pending, pending);
    } else {
      const uint64_t id = 1 + random() % (next_id + 1);
      const auto taken = calls.take(id);
      ASSERT_EQ(taken.has_value(), model.contains(id));
      ASSERT_TRUE(!taken || taken->pending == model[id]);
      model.erase(id);
    }
    ASSERT_EQ(calls.size(), model.size());
    if (step % 1000 != 0) continue;
    for (const auto& [id, pending] : model) ASSERT_EQ(calls.find(id), pending);
    size_t seen = 0;
    calls.for_each([&](Pending& pending) { seen += model.at(pending.id) == &pending; });
    ASSERT_EQ(seen, model.size());
  }
  for (const auto& entry : calls.take_all()) {
    ASSERT_EQ(entry.owner.get(), entry.pending);
    ASSERT_EQ(model.erase(entry.pending->id), 1u);
  }
  EXPECT_TRUE(model.empty());
  EXPECT_TRUE(calls.empty());
  // It can be used on.
  const auto pending = with_id(next_id + 1);
  calls.add(*pending, pending);
  EXPECT_NE(calls.find(pending->id), nullptr);
}

}  // namespace
}  // namespace lp::courier
