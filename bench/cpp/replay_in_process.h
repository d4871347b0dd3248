// Replay's works in one process: prioritized sampling of a table of 1k to 10M items, and what an
// item takes beyond its data.
#pragma once

#include <memory>
#include <random>

#include "launchpad/replay/table.h"
#include "measure.h"

namespace bench {

namespace replay = lp::replay;

constexpr const char* kReplay = "replay-cpp";
constexpr int64_t kSamples = 256;  // Of a batch.

inline replay::TableOptions replay_table(int64_t max_size) {
  replay::TableOptions options;
  options.name = "t";
  options.sampler = replay::prioritized(0.6);
  options.max_size = max_size;
  return options;
}

// `things` of them in each call, for a while.
template <class Call>
double rate_of(const Options& options, double things, Call call) {
  const auto times = times_of(call, options.seconds, 10, 3);
  double total = 0;
  for (const double time : times) total += time;
  return things * static_cast<double>(times.size()) / total;
}

template <class Call>
void measure_rate(const Options& options, const std::string& work, const std::string& metric,
                  double things, Call call) {
  emit(kReplay, work, metric, rate_of(options, things, call), "items/s");
}

// A table whose items are one number each; `shared`: all the same, so that 10M of them fit.
class FilledTable {
 public:
  FilledTable(int64_t size, bool shared)
      : table_(replay::Table::make(replay_table(size)).value_or_throw()), shared_(shared) {
    for (int64_t i = 0; i < size; ++i) insert();
  }
  void insert() {
    if (one_ == nullptr || !shared_) one_ = item();
    table_->insert({key_, 1.0 + static_cast<double>(key_ % 100), one_, 0}).value_or_throw();
    ++key_;
  }
  void sample_and_update() {
    const auto items = table_->sample(kSamples).value_or_throw();
    for (size_t i = 0; i < items.size(); ++i) {
      updates_[i] = {items[i].key, 1.0 + static_cast<double>(random_() % 100)};
    }
    table_->mutate(updates_).value_or_throw();
  }
  double bytes_of_an_item() const {
    const auto info = table_->info();
    return static_cast<double>(info.item_bytes) / static_cast<double>(info.current_size);
  }

 private:
  replay::TrajectoryRef item() {
    replay::ChunkBuilder builder(random_(), 1);
    builder.append(0, {lp::DType::kUint64, {}}, std::as_bytes(std::span(&key_, 1)));
    const auto chunk = std::move(builder).build().value_or_throw();
    return replay::Trajectory::make(layout_, {&chunk, 1}).value_or_throw();
  }

  std::shared_ptr<replay::Table> table_;
  bool shared_;
  replay::LayoutRef layout_ = replay::make_ref<const replay::Layout>(
      std::vector<replay::ColumnSlices>{{{replay::Slice{0, 0, 0, 1, 1}}, false}});
  replay::TrajectoryRef one_;
  uint64_t key_ = 0;
  std::mt19937_64 random_{1};
  std::vector<replay::PriorityUpdate> updates_ =
      std::vector<replay::PriorityUpdate>(static_cast<size_t>(kSamples));
};

inline void measure_in_process(const Options& options) {
  const std::string work = "replay_in_process";
  FilledTable table(options.quick ? 100'000 : 1'000'000, false);
  measure_rate(options, work, "sample + update", kSamples, [&] { table.sample_and_update(); });
  measure_rate(options, work, "insert, full table", kSamples, [&] {
    for (int64_t i = 0; i < kSamples; ++i) table.insert();
  });
  emit(kReplay, work, "bytes of an item", table.bytes_of_an_item(), "B");
}

inline void measure_sizes(const Options& options) {
  const std::pair<int64_t, const char*> sizes[] = {{1'000, "1k items"},
                                                   {10'000, "10k items"},
                                                   {100'000, "100k items"},
                                                   {1'000'000, "1M items"},
                                                   {10'000'000, "10M items"}};
  for (const auto& [size, label] : sizes) {
    if (options.quick && size > 100'000) return;
    FilledTable table(size, true);
    measure_rate(options, "replay_sizes", label, kSamples, [&] { table.sample_and_update(); });
  }
}

}  // namespace bench
