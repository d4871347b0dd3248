// What a sample gives: SampleBatch, items that have the same columns, with each column's steps of
// all items in one run of memory; and Sample, one item of it. If all items of a batch have the same
// length, a column is one array [items, steps, ...]. Values that share their memory; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "launchpad/replay/spec.h"
#include "launchpad/replay/table.h"
#include "launchpad/wire/buffer.h"

namespace lp::replay {

struct SampleInfo {
  uint64_t key = 0;
  double probability = 1.0;
  int64_t table_size = 0;
  double priority = 1.0;
  int32_t times_sampled = 0;
  bool operator==(const SampleInfo&) const = default;
};

// One column of one item, or of a whole batch.
struct ColumnData {
  ElementType type = DType::kFloat32;
  Tensor::Shape shape{};
  wire::Buffer bytes{};  // Row-major; strings: see spec.h.

  // Shares the memory. INVALID_ARGUMENT: a column of strings.
  Result<Tensor> tensor() const;
  // In order. INVALID_ARGUMENT: no column of strings.
  Result<std::vector<std::string>> strings() const;
};

class SampleBatch {
 public:
  struct Column {
    Spec spec{};  // Of one step.
    bool squeeze = false;
    int64_t length = 0;  // Steps of every item, if `ends` is empty.
    std::vector<uint64_t>
        ends{};  // Where each item's steps end, in steps; for lengths that differ.
    std::vector<uint64_t> byte_ends{};  // Of strings: where each item's bytes end.
    wire::Buffer bytes{};
  };

  size_t size() const { return infos.size(); }
  // One item's column: [steps, ...], or [...] if it is squeezed. Shares the batch's memory.
  ColumnData column_of(size_t item, size_t column) const;
  // All items': [items, steps, ...], or [items, ...]. INVALID_ARGUMENT: their lengths differ.
  Result<ColumnData> stacked(size_t column) const;
  bool stackable() const;  // All columns are.

  std::vector<SampleInfo> infos{};
  std::vector<Column> columns{};
};

// One item.
struct Sample {
  SampleInfo info{};
  std::vector<ColumnData> columns{};
};
Sample sample_of(const SampleBatch& batch, size_t item);

// Reads the items' steps into batches: consecutive items with the same columns share one.
// DATA_LOSS: a chunk is damaged.
Result<std::vector<SampleBatch>> gather(std::span<const SampledItem> items);

}  // namespace lp::replay
