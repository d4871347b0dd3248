// Items, chunks and a clock for the tests of this layer.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/replay/table.h"

namespace lp::replay {

// A chunk of one column of `rows` int64 scalars: first, first + 1, ...
inline ChunkRef numbers(uint64_t key, int64_t first, int rows, uint64_t episode = 1) {
  ChunkBuilder builder(key, episode);
  for (int64_t value = first; value < first + rows; ++value) {
    builder.append(0, Spec{DType::kInt64, {}}, std::as_bytes(std::span(&value, 1)));
  }
  return std::move(builder).build().value();
}

// All rows of one column of one chunk.
inline TrajectoryRef whole(const ChunkRef& chunk) {
  auto layout = make_ref<const Layout>(
      std::vector<ColumnSlices>{{{Slice{0, 0, 0, chunk->rows(0), 1}}, false}});
  return Trajectory::make(std::move(layout), {&chunk, 1}).value();
}

inline Item item(uint64_t key, double priority = 1.0) {
  return {key, priority, whole(numbers(key, static_cast<int64_t>(key), 1)), 0};
}

inline std::vector<int64_t> values(const Trajectory& trajectory, size_t column = 0) {
  std::vector<int64_t> values(static_cast<size_t>(trajectory.length(column)));
  EXPECT_TRUE(trajectory.read(column, reinterpret_cast<std::byte*>(values.data())).ok());
  return values;
}

class ManualClock final : public base::Clock {
 public:
  base::TimePoint now() const override { return base::TimePoint(base::Nanos(nanos_.load())); }
  void advance(base::Nanos duration) { nanos_.fetch_add(duration.count()); }
  base::Deadline after(base::Nanos duration) const {
    return base::Deadline::after(duration, *this);
  }

 private:
  std::atomic<int64_t> nanos_{1'000'000'000};
};

inline TableOptions table_options(std::string name, int64_t max_size = 1000) {
  TableOptions options;
  options.name = std::move(name);
  options.max_size = max_size;
  options.seed = 1;
  return options;
}

}  // namespace lp::replay
