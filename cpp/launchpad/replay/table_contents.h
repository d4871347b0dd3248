// TableContents is what a table holds, without locks or waiting: items in slots, found by key,
// ordered by two selectors, with the rate limiter's counts, exact bytes, and the extensions told of
// each change. Owned by its Table, used under its lock. Trajectories that leave go to a Trash, to
// be freed without the lock.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "launchpad/base/rng.h"
#include "launchpad/replay/key_map.h"
#include "launchpad/replay/table.h"

namespace lp::replay {

using Trash = std::vector<TrajectoryRef>;

class TableContents {
 public:
  // `options` were checked; they must outlive this.
  TableContents(const TableOptions& options, uint64_t seed);
  ~TableContents();
  TableContents(const TableContents&) = delete;
  TableContents& operator=(const TableContents&) = delete;

  // Whether both selectors can order it.
  Status check(double priority) const;
  bool contains(uint64_t key) const { return keys_.find(key) != nullptr; }
  size_t size() const { return keys_.size(); }
  const RateLimiter& limiter() const { return limiter_; }

  // The priority passed `check`, the key is not in here. Others, or itself, may leave for it.
  void insert(Item item, Trash& trash);
  // The priority passed `check`. False: no such key.
  bool update(uint64_t key, double priority);
  // The priorities passed `check`. How many there were.
  int64_t update(std::span<const PriorityUpdate> updates);
  bool remove(uint64_t key, Trash& trash);
  // Not when empty.
  SampledItem sample(Trash& trash);
  // Whether a sample leaves all as it is, but for counts: then many are made at a time.
  bool samples_independently() const {
    return options_.max_times_sampled == 0 && options_.extensions.empty();
  }
  // Appends `count` samples. Only if they are independent; not when empty.
  void sample_many(int64_t count, std::vector<SampledItem>& out);
  std::optional<SampledItem> find(uint64_t key) const;
  void clear(Trash& trash);

  // Everything but the waiting.
  void fill(TableInfo& info) const;
  // Not sorted.
  Table::Snapshot snapshot() const;
  // Into an empty table; all was checked.
  void restore(Table::Snapshot snapshot, Trash& trash);

 private:
  struct Record {
    uint64_t key = 0;
    double priority = 0;
    uint64_t sequence = 0;  // Of its insert.
    TrajectoryRef trajectory{};
    int32_t times_sampled = 0;
  };
  static constexpr size_t kPage = 4096;

  Record& at(Slot slot) { return pages_[slot / kPage][slot % kPage]; }
  const Record& at(Slot slot) const { return pages_[slot / kPage][slot % kPage]; }
  SampledItem sampled(const Selector::Pick& pick, Record& record);
  Slot take_slot();
  void put(Item item);
  void evict(Trash& trash);
  void remove_slot(Slot slot, Trash& trash);
  void apply(Slot slot, double priority);
  void count(const Trajectory& trajectory);
  void discount(const Trajectory& trajectory);
  void count_chunk(const Chunk& chunk);
  void discount_chunk(const Chunk& chunk);
  static ItemView view(const Record& record) {
    return {record.key, record.priority, record.times_sampled, record.trajectory};
  }

  const TableOptions& options_;
  base::Rng rng_;
  RateLimiter limiter_;
  std::unique_ptr<Selector> sampler_;
  std::unique_ptr<Selector> remover_;
  KeyMap keys_;
  std::vector<std::unique_ptr<Record[]>> pages_;
  std::vector<Slot> free_;
  Slot used_ = 0;  // Slots that were ever taken.
  uint64_t sequence_ = 0;
  int64_t unique_samples_ = 0;
  int64_t deleted_episodes_ = 0;
  KeyMap episodes_;  // How many chunks of items are from each.
  // Chunks that another table counts in the chunk itself, by address.
  KeyMap elsewhere_;
  int64_t chunks_ = 0;
  int64_t chunk_bytes_ = 0;
  int64_t raw_bytes_ = 0;
  int64_t trajectory_bytes_ = 0;
};

}  // namespace lp::replay
