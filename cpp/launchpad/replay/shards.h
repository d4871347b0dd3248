// Shards are the servers over which tables are spread: each has tables of the same names, and an
// item is on one of them, which its key tells (key modulo the number of shards). Samples come from
// the shards in proportion to their weights in that table: the sum of priority ** exponent, or the
// number of items. Shared by the Clients and Samplers made of them; any thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/base/rng.h"
#include "launchpad/replay/sample_source.h"
#include "launchpad/replay/table_info.h"

namespace lp::replay {

// What is known of a table's shards is asked anew when it is older.
inline constexpr base::Nanos kWeightsAge{20'000'000};

// The key that is `is` modulo `modulus`, out of a random number.
inline uint64_t key_at(uint64_t random, uint64_t modulus, uint64_t is) {
  return random % (UINT64_MAX / modulus) * modulus + is;
}

class Shards : public std::enable_shared_from_this<Shards> {
 public:
  // At least two.
  explicit Shards(std::vector<std::shared_ptr<courier::Channel>> channels);

  size_t size() const { return channels_.size(); }
  const std::shared_ptr<courier::Channel>& channel(size_t shard) const { return channels_[shard]; }
  // Where the next writer, or inserted item, goes: each in turn.
  size_t next() { return turn_.fetch_add(1, std::memory_order_relaxed) % size(); }
  size_t of_key(uint64_t key) const { return key % size(); }

  // Samples of all shards, in an order that tells nothing of them; probabilities and table sizes
  // are those of the whole table. NOT_FOUND: no such table.
  SampleSource source();

  // A table's weights, and how many items each shard has.
  struct Weights {
    std::vector<double> weights{};
    std::vector<int64_t> sizes{};
    double total = 0;
    int64_t items = 0;
    base::TimePoint at{};
  };
  using WeightsDone = std::function<void(Result<Weights>)>;
  // What is known, if that is young enough; else asks all shards.
  void weigh(const std::string& table, const base::Deadline& deadline, WeightsDone done);
  // `count` draws of a shard; none, if the table is empty.
  std::vector<uint32_t> draw(const Weights& weights, int64_t count);

  // One table's state out of its shards': numbers are added up.
  static Result<std::vector<TableInfo>> merged(
      const std::vector<Result<std::vector<TableInfo>>>& infos);

 private:
  const std::vector<std::shared_ptr<courier::Channel>> channels_;
  std::atomic<uint64_t> turn_;
  base::Guarded<std::map<std::string, Weights, std::less<>>> weights_;
  base::Guarded<base::Rng> rng_;
};

// The items of several answers as one: item i is the next one of answers[order[i]]; those that have
// no more are left out.
Result<std::vector<SampleBatch>> interleave(const std::vector<std::vector<SampleBatch>>& answers,
                                            std::span<const uint32_t> order);

}  // namespace lp::replay
