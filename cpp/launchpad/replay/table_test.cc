#include "launchpad/replay/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "launchpad/replay/test_items.h"

namespace lp::replay {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<Table> make(TableOptions options, const base::Clock& clock = base::steady_clock()) {
  return Table::make(std::move(options), clock).value();
}

// Samples one at a time until the rate limiter holds back.
std::vector<uint64_t> drain(Table& table) {
  std::vector<uint64_t> keys;
  while (true) {
    const auto sampled = table.sample(1, base::Deadline(base::TimePoint()));
    if (!sampled.ok()) return keys;
    keys.push_back(sampled.value()[0].key);
  }
}

TEST(Table, AQueueGivesEachItemOnceInOrder) {
  const auto table = make(TableOptions::queue("q", 10));
  for (uint64_t key = 1; key <= 5; ++key) ASSERT_TRUE(table->insert(item(key)).ok());
  EXPECT_EQ(drain(*table), (std::vector<uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(table->size(), 0);
}

TEST(Table, AStackGivesEachItemOnceNewestFirst) {
  const auto table = make(TableOptions::stack("s", 10));
  for (uint64_t key = 1; key <= 5; ++key) ASSERT_TRUE(table->insert(item(key)).ok());
  EXPECT_EQ(drain(*table), (std::vector<uint64_t>{5, 4, 3, 2, 1}));
}

TEST(Table, ASampleTellsTheStateOfTheTableBeforeIt) {
  const auto table = make(TableOptions::queue("q", 10));
  ASSERT_TRUE(table->insert(item(7, 2.5)).ok());
  ASSERT_TRUE(table->insert(item(8)).ok());
  const SampledItem sampled = table->sample(1).value()[0];
  EXPECT_EQ(sampled.key, 7U);
  EXPECT_EQ(sampled.priority, 2.5);
  EXPECT_EQ(sampled.probability, 1.0);
  EXPECT_EQ(sampled.table_size, 2);
  EXPECT_EQ(sampled.times_sampled, 1);
  EXPECT_EQ(values(*sampled.trajectory), (std::vector<int64_t>{7}));
}

TEST(Table, AFullOneLetsTheRemoverChooseAfterTheInsert) {
  TableOptions options = table_options("t", 2);
  options.remover = lifo();
  const auto table = make(options);
  for (uint64_t key = 1; key <= 4; ++key) ASSERT_TRUE(table->insert(item(key)).ok());
  EXPECT_TRUE(table->find(1) && table->find(2));
  EXPECT_FALSE(table->find(3) || table->find(4));
  EXPECT_EQ(table->info().counts.inserts, 4);
  EXPECT_EQ(table->info().counts.deletes, 2);
}

TEST(Table, AKeyThatIsThereGetsTheNewPriorityAndCountsAsNoInsert) {
  TableOptions options = table_options("t");
  options.sampler = max_heap();
  const auto table = make(options);
  ASSERT_TRUE(table->insert(item(1, 1)).ok());
  ASSERT_TRUE(table->insert(item(2, 2)).ok());
  ASSERT_TRUE(table->insert(item(1, 3)).ok());
  EXPECT_EQ(table->info().counts.inserts, 2);
  EXPECT_EQ(table->sample(1).value()[0].key, 1U);
}

TEST(Table, DeletesComeBeforeUpdatesAndUnknownKeysAreSkipped) {
  const auto table = make(table_options("t"));
  for (uint64_t key = 1; key <= 3; ++key) ASSERT_TRUE(table->insert(item(key)).ok());
  const PriorityUpdate updates[] = {{1, 5.0}, {2, 6.0}, {99, 1.0}};
  const uint64_t deletes[] = {1, 98};
  EXPECT_EQ(table->mutate(updates, deletes).value(), 2);
  EXPECT_FALSE(table->find(1));
  EXPECT_EQ(table->find(2)->priority, 6.0);
}

class BadPriorities : public testing::TestWithParam<double> {};

TEST_P(BadPriorities, AreErrorsAtTheCallAndLeaveTheTableAsItWas) {
  TableOptions options = table_options("t");
  options.sampler = prioritized(1.0);
  const auto table = make(options);
  ASSERT_TRUE(table->insert(item(1, 1)).ok());
  ASSERT_TRUE(table->insert(item(2, 1)).ok());
  EXPECT_EQ(table->insert(item(3, GetParam())).error().code, Code::kInvalidArgument);
  EXPECT_EQ(table->insert(item(1, GetParam())).error().code, Code::kInvalidArgument);
  const PriorityUpdate updates[] = {{2, 9.0}, {1, GetParam()}};
  const uint64_t deletes[] = {1};
  EXPECT_EQ(table->mutate(updates, deletes).error().code, Code::kInvalidArgument);
  EXPECT_EQ(table->size(), 2);
  EXPECT_EQ(table->find(1)->priority, 1.0);
  EXPECT_EQ(table->find(2)->priority, 1.0);
  EXPECT_EQ(table->sample(1).value()[0].probability, 0.5);
}

INSTANTIATE_TEST_SUITE_P(All, BadPriorities,
                         testing::Values(std::nan(""), -1.0,
                                         std::numeric_limits<double>::infinity(), 1e300));

TEST(Table, BadOptionsAreNamed) {
  const auto why = [](auto change) {
    TableOptions options = table_options("t");
    change(options);
    return Table::make(options).error().message;
  };
  EXPECT_EQ(why([](auto& o) { o.name = ""; }), "name must be nonempty");
  EXPECT_EQ(why([](auto& o) { o.max_size = 0; }), "max_size (0) must be a positive integer");
  EXPECT_NE(why([](auto& o) { o.max_bytes = -1; }).find("max_bytes"), std::string::npos);
  EXPECT_NE(why([](auto& o) { o.rate_limiter.samples_per_insert = 0; }).find("must be > 0"),
            std::string::npos);
  EXPECT_NE(why([](auto& o) { o.extensions = {nullptr}; }).find("null"), std::string::npos);
}

TEST(Table, CountsBelowOneAreErrors) {
  const auto table = make(table_options("t"));
  EXPECT_FALSE(table->can_sample(0).ok());
  EXPECT_FALSE(table->can_insert(-3).ok());
  EXPECT_FALSE(table->sample(0).ok());
  EXPECT_FALSE(table->sample(int64_t{1} << 40).ok());
  EXPECT_EQ(table->insert(Item{1, 1.0, nullptr, 0}).error().code, Code::kInvalidArgument);
}

TEST(Table, OneSetOfOptionsMakesTablesThatCountEachForItself) {
  TableOptions options = TableOptions::queue("a", 1);
  const auto a = make(options);
  options.name = "b";
  const auto b = make(options);
  ASSERT_TRUE(a->insert(item(1)).ok());
  EXPECT_FALSE(a->can_insert(1).value());
  EXPECT_TRUE(b->can_insert(1).value());
}

// ---- Waiting.

struct Waits {
  std::vector<std::string> log;
  Table::InsertDone insert(std::string name) {
    return [this, name](Status status) { log.push_back(name + (status.ok() ? "" : " failed")); };
  }
  Table::SampleDone sample(std::string name) {
    return [this, name](auto samples) {
      std::string text = name + ":";
      if (!samples.ok()) text += std::string(" ") + std::string(code_name(samples.error().code));
      if (samples.ok()) {
        for (const auto& one : samples.value()) text += " " + std::to_string(one.key);
      }
      log.push_back(text);
    };
  }
};
using Log = std::vector<std::string>;

TEST(Table, WaitingInsertsAndSamplesAreServedInOrderAndInTurn) {
  const auto table = make(TableOptions::queue("q", 1));
  Waits waits;
  for (uint64_t key = 1; key <= 4; ++key) {
    table->insert(item(key), {}, waits.insert("insert " + std::to_string(key)));
  }
  EXPECT_EQ(waits.log, (Log{"insert 1"}));
  table->sample({.max_count = 2, .min_count = 2}, waits.sample("a"));
  EXPECT_EQ(waits.log, (Log{"insert 1", "a: 1 2", "insert 2", "insert 3"}));
  table->sample({.max_count = 3, .min_count = 3}, waits.sample("b"));
  EXPECT_EQ(waits.log.back(), "insert 4");
  table->sample({}, waits.sample("c"));
  table->insert(item(5), {}, waits.insert("insert 5"));
  table->insert(item(6), {}, waits.insert("insert 6"));
  EXPECT_EQ((Log{waits.log.end() - 4, waits.log.end()}),
            (Log{"insert 5", "b: 3 4 5", "insert 6", "c: 6"}));
}

TEST(Table, ARequestWithEnoughSamplesTakesWhatThereIsUpToItsMost) {
  const auto table = make(TableOptions::queue("q", 10));
  Waits waits;
  table->sample({.max_count = 5, .min_count = 2}, waits.sample("a"));
  ASSERT_TRUE(table->insert(item(1)).ok());
  EXPECT_EQ(waits.log, Log{});
  ASSERT_TRUE(table->insert(item(2)).ok());
  EXPECT_EQ(waits.log, Log{"a: 1 2"});
  for (uint64_t key = 3; key <= 9; ++key) ASSERT_TRUE(table->insert(item(key)).ok());
  table->sample({.max_count = 5, .min_count = 2}, waits.sample("b"));
  EXPECT_EQ(waits.log.back(), "b: 3 4 5 6 7");
}

TEST(Table, AtItsDeadlineASampleGivesWhatItHasOrFails) {
  ManualClock clock;
  const auto table = make(TableOptions::queue("q", 10), clock);
  Waits waits;
  table->sample({.max_count = 3, .min_count = 3, .deadline = clock.after(milliseconds(10))},
                waits.sample("a"));
  table->sample({.deadline = clock.after(milliseconds(5))}, waits.sample("b"));
  ASSERT_TRUE(table->insert(item(1)).ok());
  clock.advance(milliseconds(6));
  EXPECT_EQ(table->expire(), clock.now() + milliseconds(4));
  EXPECT_EQ(waits.log, Log{"b: DEADLINE_EXCEEDED"});
  clock.advance(milliseconds(6));
  EXPECT_EQ(table->expire(), std::nullopt);
  EXPECT_EQ(waits.log.back(), "a: 1");
}

TEST(Table, AnInsertThatIsHeldBackTooLongFailsAndIsNotPutIn) {
  ManualClock clock;
  const auto table = make(TableOptions::queue("q", 1), clock);
  ASSERT_TRUE(table->insert(item(1)).ok());
  Waits waits;
  table->insert(item(2), clock.after(milliseconds(5)), waits.insert("2"));
  clock.advance(milliseconds(5));
  table->expire();
  EXPECT_EQ(waits.log, Log{"2 failed"});
  EXPECT_EQ(drain(*table), std::vector<uint64_t>{1});
  EXPECT_EQ(table->info().insert_wait_ns, 5'000'000);
}

TEST(Table, ADeadlineBeforeAllOthersIsToldToTheTimer) {
  ManualClock clock;
  Waits waits;  // Outlives the table, which ends the waits.
  const auto table = make(TableOptions::queue("q", 1), clock);
  int told = 0;
  table->on_new_deadline([&] { ++told; });
  table->sample({.deadline = clock.after(milliseconds(5))}, waits.sample("a"));
  EXPECT_EQ(told, 1);
  table->sample({.deadline = clock.after(milliseconds(7))}, waits.sample("b"));
  table->sample({}, waits.sample("c"));
  EXPECT_EQ(told, 1);
  table->sample({.deadline = clock.after(milliseconds(3))}, waits.sample("d"));
  EXPECT_EQ(told, 2);
}

TEST(Table, ARequestThatNobodyWantsAnyMoreTakesNothing) {
  const auto table = make(TableOptions::queue("q", 2));
  Waits waits;
  bool gone = false;
  Table::SampleRequest request;
  request.gone = [&] { return gone; };
  table->sample(std::move(request), waits.sample("a"));
  table->sample({}, waits.sample("b"));
  gone = true;
  ASSERT_TRUE(table->insert(item(1)).ok());
  EXPECT_EQ(waits.log, (Log{"a: CANCELLED", "b: 1"}));
}

TEST(Table, ClosingWakesEverybodyWhoWaits) {
  const auto queue = make(TableOptions::queue("q", 1));
  Waits waits;
  queue->sample({}, waits.sample("a"));
  std::thread blocked([&] {
    const auto table = queue;
    EXPECT_EQ(table->sample(1).error().code, Code::kUnavailable);
  });
  while (queue->info().waiting_samples < 2) std::this_thread::yield();
  queue->close();
  blocked.join();
  EXPECT_EQ(waits.log, Log{"a: UNAVAILABLE"});
  EXPECT_EQ(queue->insert(item(1)).error().code, Code::kUnavailable);
  EXPECT_TRUE(queue->closed());
}

TEST(Table, AResetEmptiesItAndLetsWaitingInsertsGoOn) {
  const auto table = make(TableOptions::queue("q", 1));
  ASSERT_TRUE(table->insert(item(1)).ok());
  Waits waits;
  table->insert(item(2), {}, waits.insert("2"));
  ASSERT_TRUE(table->reset().ok());
  EXPECT_EQ(waits.log, Log{"2"});
  EXPECT_EQ(table->info().counts, (RateLimiter::Counts{1, 0, 0}));
  EXPECT_EQ(drain(*table), std::vector<uint64_t>{2});
}

TEST(Table, ACallMayUseTheTableFromItsCallback) {
  const auto table = make(TableOptions::queue("q", 1));
  std::vector<uint64_t> keys;
  table->sample({}, [&](auto samples) {
    keys.push_back(samples.value()[0].key);
    EXPECT_TRUE(table->insert(item(2)).ok());
  });
  ASSERT_TRUE(table->insert(item(1)).ok());
  EXPECT_EQ(keys, std::vector<uint64_t>{1});
  EXPECT_EQ(drain(*table), std::vector<uint64_t>{2});
}

// ---- Bytes, episodes, extensions.

TEST(Table, CountsTheBytesOfASharedChunkOnceInEachTable) {
  const auto a = make(table_options("a"));
  const auto b = make(table_options("b"));
  const ChunkRef chunk = numbers(1, 0, 100);
  for (uint64_t key = 1; key <= 3; ++key) {
    ASSERT_TRUE(a->insert(Item{key, 1.0, whole(chunk), 0}).ok());
    ASSERT_TRUE(b->insert(Item{key, 1.0, whole(chunk), 0}).ok());
  }
  const auto bytes = static_cast<int64_t>(chunk->bytes());
  EXPECT_EQ(a->info().chunk_bytes, bytes);
  EXPECT_EQ(b->info().chunk_bytes, bytes);
  EXPECT_EQ(b->info().raw_bytes, 800);
  ASSERT_TRUE(a->reset().ok());
  EXPECT_EQ(a->info().chunk_bytes, 0);
  EXPECT_EQ(b->info().chunk_bytes, bytes);
  ASSERT_TRUE(a->insert(Item{9, 1.0, whole(chunk), 0}).ok());
  const uint64_t keys[] = {1, 2, 3};
  ASSERT_TRUE(b->mutate({}, keys).ok());
  EXPECT_EQ(b->info().chunk_bytes, 0);
  EXPECT_EQ(a->info().chunk_bytes, bytes);
  EXPECT_EQ(a->info().chunks, 1);
}

TEST(Table, NeverHoldsMoreThanMaxBytesButForItsLastItem) {
  TableOptions options = table_options("t");
  const auto each = static_cast<int64_t>(numbers(1, 0, 100)->bytes());
  options.max_bytes = 3 * each + 10;
  const auto table = make(options);
  for (uint64_t key = 1; key <= 10; ++key) {
    ASSERT_TRUE(table->insert(Item{key, 1.0, whole(numbers(key, 0, 100)), 0}).ok());
    EXPECT_LE(table->info().chunk_bytes, options.max_bytes);
  }
  EXPECT_EQ(table->size(), 3);
  ASSERT_TRUE(table->insert(Item{99, 1.0, whole(numbers(99, 0, 1000)), 0}).ok());
  EXPECT_EQ(table->size(), 1);
}

TEST(Table, CountsEpisodesThatComeAndGo) {
  const auto table = make(table_options("t", 2));
  for (uint64_t key = 1; key <= 5; ++key) {
    ASSERT_TRUE(table->insert(Item{key, 1.0, whole(numbers(key, 0, 1, key)), 0}).ok());
  }
  EXPECT_EQ(table->info().num_episodes, 2);
  EXPECT_EQ(table->info().num_deleted_episodes, 3);
}

TEST(Table, CountsItemsThatWereSampledOnce) {
  TableOptions options = table_options("t");
  options.sampler = fifo();
  const auto table = make(options);
  ASSERT_TRUE(table->insert(item(1)).ok());
  ASSERT_TRUE(table->sample(5).ok());
  EXPECT_EQ(table->info().num_unique_samples, 1);
  EXPECT_EQ(table->info().counts.samples, 5);
}

TEST(Table, AnItemTakesLessThan150BytesBesidesItsChunk) {
  TableOptions options = table_options("t", 1'000'000);
  options.sampler = prioritized(0.6);
  const auto table = make(options);
  const TrajectoryRef trajectory = whole(numbers(1, 0, 10));
  for (uint64_t key = 0; key < 200'000; ++key) {
    ASSERT_TRUE(table->insert(Item{key, 1.0, trajectory, 0}).ok());
  }
  EXPECT_LT(table->info().item_bytes / 200'000, 150);
}

class Recorder final : public TableExtension {
 public:
  void on_insert(const ItemView& item) override { add("insert", item); }
  void on_delete(const ItemView& item) override { add("delete", item); }
  void on_update(const ItemView& item) override { add("update", item); }
  void on_sample(const ItemView& item) override { add("sample", item); }
  void on_reset() override { log.push_back("reset"); }
  Log log;

 private:
  void add(const std::string& what, const ItemView& item) {
    log.push_back(what + " " + std::to_string(item.key) + " " +
                  std::to_string(static_cast<int>(item.priority)) + " " +
                  std::to_string(item.times_sampled));
  }
};

TEST(Table, AnExtensionSeesEveryChange) {
  const auto recorder = std::make_shared<Recorder>();
  TableOptions options = TableOptions::queue("q", 5);
  options.extensions = {recorder};
  const auto table = make(options);
  ASSERT_TRUE(table->insert(item(1, 2)).ok());
  const PriorityUpdate update[] = {{1, 3.0}};
  ASSERT_TRUE(table->mutate(update).ok());
  ASSERT_TRUE(table->sample(1).ok());
  ASSERT_TRUE(table->reset().ok());
  EXPECT_EQ(recorder->log,
            (Log{"insert 1 2 0", "update 1 3 0", "sample 1 3 1", "delete 1 3 1", "reset"}));
}

// ---- Checkpoints.

TEST(Table, ASnapshotBringsItemsOrderAndCountsBack) {
  const auto from = make(TableOptions::queue("q", 5));
  for (uint64_t key : {5, 3, 9}) ASSERT_TRUE(from->insert(item(key, 2.0)).ok());
  ASSERT_TRUE(from->sample(1).ok());
  const auto to = make(TableOptions::queue("q", 5));
  ASSERT_TRUE(to->insert(item(77)).ok());
  ASSERT_TRUE(to->restore(from->snapshot()).ok());
  EXPECT_EQ(to->info().counts, from->info().counts);
  EXPECT_EQ(drain(*to), (std::vector<uint64_t>{3, 9}));
}

TEST(Table, ABadSnapshotChangesNothing) {
  const auto table = make(TableOptions::queue("q", 5));
  ASSERT_TRUE(table->insert(item(1)).ok());
  Table::Snapshot twice{{item(2), item(2)}, {}, 0};
  EXPECT_FALSE(table->restore(twice).ok());
  Table::Snapshot bad{{item(2), item(3, std::nan(""))}, {}, 0};
  EXPECT_FALSE(table->restore(bad).ok());
  EXPECT_EQ(drain(*table), std::vector<uint64_t>{1});
}

// ---- Threads.

TEST(Table, ManyThreadsInsertSampleAndUpdateWithoutLosingAnItem) {
  TableOptions options = table_options("t", 500);
  options.sampler = prioritized(0.7);
  const auto table = make(options);
  constexpr int kThreads = 4, kRounds = 3000;
  ASSERT_TRUE(table->insert(item(1'000'000)).ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const auto key = static_cast<uint64_t>(t * kRounds + i);
        EXPECT_TRUE(table->insert(item(key, i % 7)).ok());
        const auto sampled = table->sample(2).value();
        const PriorityUpdate update[] = {{sampled[0].key, 3.0}};
        const uint64_t deletes[] = {sampled[1].key};
        EXPECT_TRUE(table->mutate(update, std::span(deletes).first(i % 3 == 0 ? 1 : 0)).ok());
        EXPECT_TRUE(table->insert(item(1'000'000)).ok());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const TableInfo info = table->info();
  EXPECT_EQ(info.counts.inserts - info.counts.deletes, info.current_size);
  EXPECT_EQ(info.counts.samples, 2 * kThreads * kRounds);
  EXPECT_EQ(info.chunks, info.current_size);
}

}  // namespace
}  // namespace lp::replay
