#include <cstring>

#include "launchpad/replay/shards.h"

namespace lp::replay {
namespace {

struct Place {
  const SampleBatch* batch;
  size_t item;
};

bool alike(const SampleBatch& a, const SampleBatch& b) {
  if (&a == &b) return true;
  if (a.columns.size() != b.columns.size()) return false;
  for (size_t i = 0; i < a.columns.size(); ++i) {
    if (a.columns[i].squeeze != b.columns[i].squeeze || !(a.columns[i].spec == b.columns[i].spec))
      return false;
  }
  return true;
}

SampleBatch::Column gathered(std::span<const Place> places, size_t index) {
  const SampleBatch::Column& first = places.front().batch->columns[index];
  SampleBatch::Column column{first.spec, first.squeeze, 0, {}, {}, {}};
  const bool strings = !first.spec.row_bytes();
  std::vector<ColumnData> items;
  items.reserve(places.size());
  uint64_t steps = 0, bytes = 0;
  bool same = true;
  for (const Place& place : places) {
    items.push_back(place.batch->column_of(place.item, index));
    const int64_t length = first.squeeze ? 1 : items.back().shape.front();
    if (items.size() == 1) column.length = length;
    same = same && length == column.length;
    column.ends.push_back(steps += static_cast<uint64_t>(length));
    bytes += items.back().bytes.size();
    if (strings) column.byte_ends.push_back(bytes);
  }
  if (same) column.ends.clear();
  column.bytes = wire::Buffer::allocate(bytes);
  std::byte* out = column.bytes.mutable_data();
  for (const ColumnData& item : items) {
    if (item.bytes.size() > 0) std::memcpy(out, item.bytes.data(), item.bytes.size());
    out += item.bytes.size();
  }
  return column;
}

SampleBatch batch_of(std::span<const Place> places) {
  SampleBatch batch;
  for (const Place& place : places) batch.infos.push_back(place.batch->infos[place.item]);
  for (size_t i = 0; i < places.front().batch->columns.size(); ++i) {
    batch.columns.push_back(gathered(places, i));
  }
  return batch;
}

}  // namespace

Result<std::vector<SampleBatch>> interleave(const std::vector<std::vector<SampleBatch>>& answers,
                                            std::span<const uint32_t> order) {
  std::vector<std::pair<size_t, size_t>> next(answers.size());  // Batch, item.
  std::vector<Place> places;
  for (const uint32_t answer : order) {
    auto& [batch, item] = next[answer];
    while (batch < answers[answer].size() && item == answers[answer][batch].size()) {
      ++batch;
      item = 0;
    }
    if (batch < answers[answer].size()) places.push_back({&answers[answer][batch], item++});
  }
  std::vector<SampleBatch> batches;
  for (std::span<const Place> left(places); !left.empty();) {
    size_t count = 1;
    while (count < left.size() && alike(*left.front().batch, *left[count].batch)) ++count;
    batches.push_back(batch_of(left.first(count)));
    left = left.subspan(count);
  }
  return batches;
}

}  // namespace lp::replay
