#include "launchpad/replay/table_contents.h"

#include <algorithm>
#include <array>

namespace lp::replay {

TableContents::TableContents(const TableOptions& options, uint64_t seed)
    : options_(options),
      rng_(seed),
      limiter_(options.rate_limiter),
      sampler_(make_selector(options.sampler)),
      remover_(make_selector(options.remover)),
      keys_(rng_()),
      episodes_(rng_()),
      elsewhere_(rng_()) {}

TableContents::~TableContents() {
  for (Slot slot = 0; slot < used_; ++slot) {
    if (at(slot).trajectory) discount(*at(slot).trajectory);
  }
}

Status TableContents::check(double priority) const {
  LP_TRY(sampler_->check(priority));
  return remover_->check(priority);
}

Slot TableContents::take_slot() {
  if (!free_.empty()) {
    const Slot slot = free_.back();
    free_.pop_back();
    return slot;
  }
  if (used_ % kPage == 0) pages_.push_back(std::make_unique<Record[]>(kPage));
  return used_++;
}

void TableContents::put(Item item) {
  const Slot slot = take_slot();
  Record& record = at(slot);
  record.key = item.key;
  record.priority = item.priority;
  record.sequence = ++sequence_;
  record.times_sampled = item.times_sampled;
  record.trajectory = std::move(item.trajectory);
  keys_[item.key] = slot;
  sampler_->insert(slot, item.priority);
  remover_->insert(slot, item.priority);
  count(*record.trajectory);
  for (const auto& extension : options_.extensions) extension->on_insert(view(record));
}

void TableContents::insert(Item item, Trash& trash) {
  put(std::move(item));
  limiter_.inserted();
  evict(trash);
}

void TableContents::evict(Trash& trash) {
  const auto too_many = [&] {
    return static_cast<int64_t>(size()) > options_.max_size ||
           (options_.max_bytes > 0 && chunk_bytes_ > options_.max_bytes && size() > 1);
  };
  while (too_many()) remove_slot(remover_->pick(rng_).slot, trash);
}

void TableContents::remove_slot(Slot slot, Trash& trash) {
  Record& record = at(slot);
  for (const auto& extension : options_.extensions) extension->on_delete(view(record));
  sampler_->remove(slot);
  remover_->remove(slot);
  keys_.erase(record.key);
  discount(*record.trajectory);
  trash.push_back(std::exchange(record.trajectory, nullptr));
  free_.push_back(slot);
  limiter_.deleted();
}

void TableContents::apply(Slot slot, double priority) {
  Record& record = at(slot);
  record.priority = priority;
  sampler_->update(slot, priority);
  remover_->update(slot, priority);
  for (const auto& extension : options_.extensions) extension->on_update(view(record));
}

bool TableContents::update(uint64_t key, double priority) {
  const Slot* slot = keys_.find(key);
  if (slot == nullptr) return false;
  apply(*slot, priority);
  return true;
}

// In groups, so that the memory of the next ones is on its way while one is changed.
int64_t TableContents::update(std::span<const PriorityUpdate> updates) {
  constexpr size_t kGroup = 16;
  int64_t count = 0;
  while (!updates.empty()) {
    const auto group = updates.first(std::min(kGroup, updates.size()));
    updates = updates.subspan(group.size());
    for (const PriorityUpdate& update : group) keys_.prefetch(update.key);
    std::array<const Slot*, kGroup> slots{};
    for (size_t i = 0; i < group.size(); ++i) {
      slots[i] = keys_.find(group[i].key);
      if (slots[i] == nullptr) continue;
      __builtin_prefetch(&at(*slots[i]), 1);
      sampler_->prefetch(*slots[i]);
    }
    for (size_t i = 0; i < group.size(); ++i) {
      if (slots[i] == nullptr) continue;
      apply(*slots[i], group[i].priority);
      ++count;
    }
  }
  return count;
}

bool TableContents::remove(uint64_t key, Trash& trash) {
  const Slot* slot = keys_.find(key);
  if (slot == nullptr) return false;
  remove_slot(*slot, trash);
  return true;
}

SampledItem TableContents::sampled(const Selector::Pick& pick, Record& record) {
  if (record.times_sampled < INT32_MAX) ++record.times_sampled;
  if (record.times_sampled == 1) ++unique_samples_;
  limiter_.sampled();
  return {record.key,           pick.probability, record.priority, static_cast<int64_t>(size()),
          record.times_sampled, record.trajectory};
}

SampledItem TableContents::sample(Trash& trash) {
  const Selector::Pick pick = sampler_->pick(rng_);
  Record& record = at(pick.slot);
  SampledItem item = sampled(pick, record);
  for (const auto& extension : options_.extensions) extension->on_sample(view(record));
  if (options_.max_times_sampled > 0 && record.times_sampled >= options_.max_times_sampled) {
    remove_slot(pick.slot, trash);
  }
  return item;
}

// In groups, so that the memory of the next ones is on its way while one is looked at.
void TableContents::sample_many(int64_t count, std::vector<SampledItem>& out) {
  constexpr int64_t kGroup = 32;
  std::array<Selector::Pick, kGroup> picks;
  out.reserve(out.size() + static_cast<size_t>(std::min<int64_t>(count, 1 << 16)));
  while (count > 0) {
    const auto group = std::span(picks).first(static_cast<size_t>(std::min(count, kGroup)));
    count -= static_cast<int64_t>(group.size());
    sampler_->pick_many(rng_, group);
    for (const Selector::Pick& pick : group) __builtin_prefetch(&at(pick.slot), 1);
    for (const Selector::Pick& pick : group) __builtin_prefetch(at(pick.slot).trajectory.get(), 1);
    for (const Selector::Pick& pick : group) out.push_back(sampled(pick, at(pick.slot)));
  }
}

std::optional<SampledItem> TableContents::find(uint64_t key) const {
  const Slot* slot = keys_.find(key);
  if (slot == nullptr) return std::nullopt;
  const Record& record = at(*slot);
  return SampledItem{record.key,           0.0,
                     record.priority,      static_cast<int64_t>(size()),
                     record.times_sampled, record.trajectory};
}

void TableContents::clear(Trash& trash) {
  for (const auto& extension : options_.extensions) extension->on_reset();
  for (Slot slot = 0; slot < used_; ++slot) {
    Record& record = at(slot);
    if (!record.trajectory) continue;
    discount(*record.trajectory);
    trash.push_back(std::exchange(record.trajectory, nullptr));
  }
  sampler_->clear();
  remover_->clear();
  keys_.clear();
  free_.clear();
  pages_.clear();
  used_ = 0;
  limiter_.reset();
  unique_samples_ = 0;
  deleted_episodes_ = 0;
}

// ---- What an item's chunks take, each chunk counted once.

void TableContents::count(const Trajectory& trajectory) {
  trajectory_bytes_ += static_cast<int64_t>(trajectory.bytes());
  for (const ChunkRef& chunk : trajectory.chunks()) {
    count_chunk(*chunk);
    ++episodes_[chunk->episode()];
  }
}

void TableContents::discount(const Trajectory& trajectory) {
  trajectory_bytes_ -= static_cast<int64_t>(trajectory.bytes());
  for (const ChunkRef& chunk : trajectory.chunks()) {
    discount_chunk(*chunk);
    uint32_t* left = episodes_.find(chunk->episode());
    if (--*left > 0) continue;
    episodes_.erase(chunk->episode());
    ++deleted_episodes_;
  }
}

// The first table to hold a chunk counts in the chunk itself; others, which are rare, in a map.
void TableContents::count_chunk(const Chunk& chunk) {
  const void* counter = chunk.counter_.load(std::memory_order_relaxed);
  if (counter == this) {
    ++chunk.count_;
    return;
  }
  const auto address = reinterpret_cast<uint64_t>(&chunk);
  if (elsewhere_.size() > 0) {
    if (uint32_t* count = elsewhere_.find(address)) {
      ++*count;
      return;
    }
  }
  ++chunks_;
  chunk_bytes_ += static_cast<int64_t>(chunk.bytes());
  raw_bytes_ += static_cast<int64_t>(chunk.raw_bytes());
  if (counter == nullptr &&
      chunk.counter_.compare_exchange_strong(counter, this, std::memory_order_acquire)) {
    chunk.count_ = 1;
  } else {
    elsewhere_[address] = 1;
  }
}

void TableContents::discount_chunk(const Chunk& chunk) {
  if (chunk.counter_.load(std::memory_order_relaxed) == this) {
    if (--chunk.count_ > 0) return;
    chunk.counter_.store(nullptr, std::memory_order_release);
  } else {
    const auto address = reinterpret_cast<uint64_t>(&chunk);
    uint32_t* count = elsewhere_.find(address);
    if (--*count > 0) return;
    elsewhere_.erase(address);
  }
  --chunks_;
  chunk_bytes_ -= static_cast<int64_t>(chunk.bytes());
  raw_bytes_ -= static_cast<int64_t>(chunk.raw_bytes());
}

// ---- Its state as a whole.

void TableContents::fill(TableInfo& info) const {
  info.counts = limiter_.counts();
  info.current_size = static_cast<int64_t>(size());
  info.weight = sampler_->weight();
  info.num_episodes = static_cast<int64_t>(episodes_.size());
  info.num_deleted_episodes = deleted_episodes_;
  info.num_unique_samples = unique_samples_;
  info.chunks = chunks_;
  info.chunk_bytes = chunk_bytes_;
  info.raw_bytes = raw_bytes_;
  const size_t own = pages_.size() * kPage * sizeof(Record) + free_.capacity() * sizeof(Slot) +
                     keys_.bytes() + episodes_.bytes() + elsewhere_.bytes() + sampler_->bytes() +
                     remover_->bytes();
  info.item_bytes = static_cast<int64_t>(own) + trajectory_bytes_;
}

// The trajectories lie all over the memory: what comes next is on its way while one is counted.
Table::Snapshot TableContents::snapshot() const {
  constexpr Slot kAhead = 16;
  Table::Snapshot snapshot{{}, limiter_.counts(), deleted_episodes_, unique_samples_, {}};
  snapshot.items.reserve(size());
  snapshot.sequences.reserve(size());
  for (Slot slot = 0; slot < used_; ++slot) {
    if (slot + kAhead < used_) __builtin_prefetch(at(slot + kAhead).trajectory.get(), 1);
    const Record& record = at(slot);
    if (!record.trajectory) continue;
    snapshot.items.push_back(
        {record.key, record.priority, record.trajectory, record.times_sampled});
    snapshot.sequences.push_back(record.sequence);
  }
  return snapshot;
}

void TableContents::restore(Table::Snapshot snapshot, Trash& trash) {
  for (Item& item : snapshot.items) put(std::move(item));
  limiter_.restore(snapshot.counts);
  deleted_episodes_ = snapshot.num_deleted_episodes;
  unique_samples_ = snapshot.num_unique_samples;
  // The options may be tighter than those that the items were saved under.
  evict(trash);
}

}  // namespace lp::replay
