// Tables of one name on three servers, as one table.
#include "launchpad/replay/shards.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <thread>

#include "launchpad/replay/client.h"
#include "launchpad/replay/server.h"
#include "launchpad/replay/test_items.h"

namespace lp::replay {
namespace {

constexpr int kShards = 3;
constexpr double kExponent = 0.5;

base::Deadline soon() { return base::Deadline::after(std::chrono::seconds(20)); }

class Sharded : public testing::Test {
 protected:
  void SetUp() override {
    TableOptions options = table_options("t");
    options.sampler = prioritized(kExponent);
    std::string addresses;
    for (int i = 0; i < kShards; ++i) {
      static int number = 0;
      tables_.push_back(Table::make(options).value());
      const std::string address = "inproc:shards-" + std::to_string(number++);
      servers_.push_back(Server::start({tables_.back()}, address).value());
      addresses += (i > 0 ? "," : "") + address;
    }
    client_ = Client::connect(addresses).value();
  }

  // Items of priorities 1, 2, ...; each is its priority.
  void fill(int64_t count) {
    for (int64_t value = 1; value <= count; ++value) {
      const Cell cells[] = {Cell::of(0, value)};
      const auto priority = static_cast<double>(value);
      const Client::Priority priorities[] = {{"t", priority}};
      priorities_[client_.insert(cells, priorities, soon()).value()[0]] = priority;
    }
  }
  double weight(uint64_t key) { return std::pow(priorities_.at(key), kExponent); }
  // What is known of the weights is too old now.
  void let_weights_age() {
    const auto until = base::Deadline::after(kWeightsAge * 2);
    while (!until.passed()) std::this_thread::yield();
  }

  std::vector<std::shared_ptr<Table>> tables_;
  std::vector<std::unique_ptr<Server>> servers_;
  Client client_;
  std::map<uint64_t, double> priorities_;
};

// How far the counts are from what the weights say.
double chi_squared(const std::map<uint64_t, int64_t>& counts,
                   const std::map<uint64_t, double>& expected) {
  double sum = 0;
  for (const auto& [key, mean] : expected) {
    const auto found = counts.find(key);
    const double count = found == counts.end() ? 0.0 : static_cast<double>(found->second);
    sum += (count - mean) * (count - mean) / mean;
  }
  return sum;
}

TEST_F(Sharded, EachServerHasAThirdAndItsKeysSaySo) {
  fill(30);
  for (size_t shard = 0; shard < kShards; ++shard) {
    EXPECT_EQ(tables_[shard]->size(), 10);
    for (const Item& item : tables_[shard]->snapshot().items) EXPECT_EQ(item.key % kShards, shard);
  }
}

TEST_F(Sharded, AnItemIsSampledInProportionToItsWeightAmongTheItemsOfAllServers) {
  fill(40);
  // The servers' weights differ: most of the heavy items are gone from two of them.
  std::vector<uint64_t> deletes;
  for (const auto& [key, priority] : priorities_) {
    if (key % kShards != 0 && priority > 15) deletes.push_back(key);
  }
  EXPECT_EQ(client_.mutate_priorities("t", {}, deletes, soon()).value(), std::ssize(deletes));
  for (const uint64_t key : deletes) priorities_.erase(key);
  let_weights_age();
  double total = 0;
  for (const auto& [key, priority] : priorities_) total += weight(key);
  const auto sampler =
      client_.sampler({.table = "t", .max_in_flight = 512, .batch = 256, .min_batch = 256}).value();
  constexpr int kBatches = 80;
  std::map<uint64_t, int64_t> counts;
  for (int i = 0; i < kBatches; ++i) {
    const auto batch = sampler->next_batch(soon()).value();
    ASSERT_EQ(batch->size(), 256u);
    for (size_t item = 0; item < batch->size(); ++item) {
      const SampleInfo& info = batch->infos[item];
      ++counts[info.key];
      ASSERT_NEAR(info.probability, weight(info.key) / total, 1e-9);
      ASSERT_EQ(info.table_size, std::ssize(priorities_));
      const auto value = batch->column_of(item, 0).tensor().value();
      ASSERT_EQ(static_cast<double>(value.data<int64_t>()[0]), priorities_.at(info.key));
    }
  }
  std::map<uint64_t, double> expected;
  for (const auto& [key, priority] : priorities_) {
    expected[key] = kBatches * 256 * weight(key) / total;
  }
  // One in a hundred thousand runs is beyond six deviations of the statistic (mean f, variance 2f).
  const auto freedom = static_cast<double>(expected.size() - 1);
  EXPECT_LT(chi_squared(counts, expected), freedom + 6 * std::sqrt(2 * freedom));
}

TEST_F(Sharded, PrioritiesAndDeletesReachTheServerThatHasTheItem) {
  fill(12);
  std::vector<PriorityUpdate> updates;
  for (auto& [key, priority] : priorities_) updates.push_back({key, priority += 100});
  updates.push_back({12345, 1.0});  // Nobody's.
  const uint64_t gone = priorities_.begin()->first;
  updates.erase(updates.begin());
  const uint64_t deletes[] = {gone};
  EXPECT_EQ(client_.mutate_priorities("t", updates, deletes, soon()).value(), 12);
  for (const auto& [key, priority] : priorities_) {
    const auto found = tables_[key % kShards]->find(key);
    EXPECT_EQ(found.has_value(), key != gone);
    if (found) {
      EXPECT_EQ(found->priority, priority);
    }
  }
}

TEST_F(Sharded, PrioritiesOfSeveralServersAreChangedAllOrNone) {
  fill(6);
  std::vector<PriorityUpdate> updates;
  for (const auto& [key, priority] : priorities_) updates.push_back({key, priority + 100});
  updates.back().priority = -1.0;
  const uint64_t deletes[] = {updates.front().key};
  EXPECT_EQ(client_.mutate_priorities("t", updates, deletes, soon()).error().message,
            "Priority must not be negative.");
  for (const auto& [key, priority] : priorities_)
    EXPECT_EQ(tables_[key % kShards]->find(key)->priority, priority);
  EXPECT_EQ(client_.mutate_priorities("x", updates, {}, soon()).error().code, Code::kNotFound);
}

TEST_F(Sharded, AnItemThatAnothersClientPutSomewhereIsFoundAllTheSame) {
  ASSERT_TRUE(tables_[2]->insert(item(3 * 7)).ok());
  const PriorityUpdate updates[] = {{21, 5.0}};
  EXPECT_EQ(client_.mutate_priorities("t", updates, {}, soon()).value(), 1);
  EXPECT_EQ(tables_[2]->find(21)->priority, 5.0);
}

TEST_F(Sharded, WritersGoToTheServersInTurnAndAllNumbersAreAddedUp) {
  for (int i = 0; i < kShards; ++i) {
    const auto writer = client_.writer({.num_keep_alive_refs = 1}, soon()).value();
    for (int64_t step = 0; step < 5; ++step) {
      const Cell cells[] = {Cell::of(0, step)};
      ASSERT_TRUE(writer->append(cells).ok());
      const TrajectoryColumn column{{writer->newest(0).value()}};
      ASSERT_TRUE(writer->create_item("t", 1.0, {&column, 1}).ok());
    }
    ASSERT_TRUE(writer->flush(0, soon()).ok());
  }
  for (const auto& table : tables_) EXPECT_EQ(table->size(), 5);
  const auto infos = client_.info(soon()).value();
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].current_size, 15);
  EXPECT_EQ(infos[0].counts.inserts, 15);
  EXPECT_EQ(infos[0].max_size, 3000);
  EXPECT_EQ(infos[0].weight, 15.0);
  ASSERT_TRUE(client_.reset("t", soon()).ok());
  for (const auto& table : tables_) EXPECT_EQ(table->size(), 0);
}

TEST_F(Sharded, ASampleWaitsForTheFirstItemWhereverItComes) {
  std::thread later([&] {
    let_weights_age();
    for (int i = 0; i < 3; ++i) fill(1);
  });
  const auto batches = client_.sample("t", {.count = 4, .min_count = 4}, soon()).value();
  later.join();
  int64_t items = 0;
  for (const SampleBatch& batch : batches) items += std::ssize(batch.infos);
  EXPECT_EQ(items, 4);
}

TEST_F(Sharded, ASampleOfAnEmptyTableEndsAtItsTimeAndOfNoTableAtOnce) {
  const auto late =
      client_.sample("t", {.rate_limiter_timeout = std::chrono::milliseconds(30)}, soon());
  EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
  const auto never = client_.sample("t", {}, base::Deadline::after(std::chrono::milliseconds(30)));
  EXPECT_EQ(never.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(client_.sample("nothing", {}, soon()).error().code, Code::kNotFound);
}

TEST_F(Sharded, ClosingASamplerWakesItsNext) {
  const auto sampler = client_.sampler({.table = "t"}).value();
  std::thread closer([&] { sampler->close(); });
  EXPECT_EQ(sampler->next(soon()).error().code, Code::kCancelled);
  closer.join();
}

TEST(Keys, AreWhatTheyShouldBeModuloTheShards) {
  for (const uint64_t random : {uint64_t{0}, uint64_t{12345}, UINT64_MAX - 1, UINT64_MAX}) {
    for (uint64_t shard = 0; shard < 7; ++shard) EXPECT_EQ(key_at(random, 7, shard) % 7, shard);
  }
  EXPECT_EQ(key_at(12345, 1, 0), 12345u);
}

}  // namespace
}  // namespace lp::replay
