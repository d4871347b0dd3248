#include "launchpad/replay/sample.h"

#include <algorithm>
#include <new>

namespace lp::replay {
namespace {

// More in one answer is somebody's mistake.
constexpr uint64_t kMaxBatchBytes = uint64_t{1} << 33;

Error too_large() {
  return Error(Code::kResourceExhausted, "the samples are too large for one answer; ask for fewer");
}

// The steps of column `index` of `items`, one after the other.
Status gather_column(std::span<const SampledItem> items, size_t index,
                     SampleBatch::Column& column) {
  const Trajectory& first = *items.front().trajectory;
  column.spec = first.spec(index);
  column.squeeze = first.squeezed(index);
  column.length = first.length(index);
  uint64_t steps = 0;
  bool same = true;
  for (const SampledItem& item : items) {
    const int64_t length = item.trajectory->length(index);
    same = same && length == column.length;
    steps += static_cast<uint64_t>(length);
    column.ends.push_back(steps);
  }
  if (same) column.ends.clear();
  const auto row_bytes = column.spec.row_bytes();
  if (!row_bytes) {
    uint64_t bytes = 0;
    for (const SampledItem& item : items) bytes += item.trajectory->step_bytes(index);
    if (bytes > kMaxBatchBytes) return too_large();
    auto text = std::make_shared<std::string>();
    text->reserve(bytes);
    for (const SampledItem& item : items) {
      LP_TRY(item.trajectory->read_strings(index, *text));
      column.byte_ends.push_back(text->size());
    }
    column.bytes = wire::Buffer(text, text->data(), text->size());
    return {};
  }
  if (*row_bytes > 0 && steps > kMaxBatchBytes / *row_bytes) return too_large();
  // Large columns are put where a client on this host can read them.
  column.bytes = wire::Buffer::allocate_shared(steps * *row_bytes, true);
  std::byte* out = column.bytes.mutable_data();
  for (const SampledItem& item : items) {
    LP_TRY(item.trajectory->read(index, out));
    out += static_cast<size_t>(item.trajectory->length(index)) * *row_bytes;
  }
  return {};
}

Result<SampleBatch> gather_alike(std::span<const SampledItem> items) {
  SampleBatch batch;
  for (const SampledItem& item : items) {
    batch.infos.push_back(
        {item.key, item.probability, item.table_size, item.priority, item.times_sampled});
  }
  batch.columns.resize(items.front().trajectory->columns());
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    LP_TRY(gather_column(items, i, batch.columns[i]));
  }
  return batch;
}

}  // namespace

Result<Tensor> ColumnData::tensor() const {
  if (!type) return Error(Code::kInvalidArgument, "a column of strings is no tensor");
  return Tensor(*type, shape, Tensor::row_major_strides(shape, dtype_size(*type)), bytes);
}

Result<std::vector<std::string>> ColumnData::strings() const {
  if (type) return Error(Code::kInvalidArgument, "a column of numbers has no strings");
  return decode_strings(bytes.span());
}

ColumnData SampleBatch::column_of(size_t item, size_t column) const {
  const Column& source = columns[column];
  uint64_t begin = 0, end = 0;
  if (source.ends.empty()) {
    begin = item * static_cast<uint64_t>(source.length);
    end = begin + static_cast<uint64_t>(source.length);
  } else {
    begin = item == 0 ? 0 : source.ends[item - 1];
    end = source.ends[item];
  }
  ColumnData data{source.spec.type, {}, {}};
  if (!source.squeeze) data.shape.push_back(static_cast<int64_t>(end - begin));
  data.shape.insert(data.shape.end(), source.spec.shape.begin(), source.spec.shape.end());
  uint64_t from = 0, to = 0;
  if (const auto row_bytes = source.spec.row_bytes()) {
    from = begin * *row_bytes;
    to = end * *row_bytes;
  } else {
    from = item == 0 ? 0 : source.byte_ends[item - 1];
    to = source.byte_ends[item];
  }
  // Shares the column's memory.
  data.bytes = source.bytes.part(from, to - from);
  return data;
}

bool SampleBatch::stackable() const {
  return std::all_of(columns.begin(), columns.end(),
                     [](const Column& column) { return column.ends.empty(); });
}

Result<ColumnData> SampleBatch::stacked(size_t column) const {
  const Column& source = columns[column];
  if (!source.ends.empty()) {
    return Error(Code::kInvalidArgument, "column " + std::to_string(column) +
                                             " cannot be one array: its items differ in length");
  }
  ColumnData data{source.spec.type, {static_cast<int64_t>(size())}, source.bytes};
  if (!source.squeeze) data.shape.push_back(source.length);
  data.shape.insert(data.shape.end(), source.spec.shape.begin(), source.spec.shape.end());
  return data;
}

Sample sample_of(const SampleBatch& batch, size_t item) {
  Sample sample{batch.infos[item], {}};
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    sample.columns.push_back(batch.column_of(item, i));
  }
  return sample;
}

Result<std::vector<SampleBatch>> gather(std::span<const SampledItem> items) {
  std::vector<SampleBatch> batches;
  try {
    while (!items.empty()) {
      size_t alike = 1;
      while (alike < items.size() &&
             items[alike].trajectory->same_specs(*items.front().trajectory)) {
        ++alike;
      }
      LP_TRY_ASSIGN(SampleBatch batch, gather_alike(items.first(alike)));
      batches.push_back(std::move(batch));
      items = items.subspan(alike);
    }
  } catch (const std::bad_alloc&) {
    return Error(Code::kResourceExhausted, "no memory for so many samples in one answer");
  }
  return batches;
}

}  // namespace lp::replay
