#include <algorithm>
#include <cstring>

#include "launchpad/replay/chunk.h"
#include "launchpad/replay/delta.h"

namespace lp::replay {
namespace {

// Less is not worth the time to look at.
constexpr size_t kCompressFrom = 512;

bool can_delta(const Spec& spec) {
  if (!spec.type || spec.shape.size() < 2) return false;
  switch (*spec.type) {
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32:
    case DType::kUint64:
      return true;
    default:
      return false;
  }
}

// The rows in compressed groups, with the table of their ends before; false: it does not pay.
bool compress_groups(std::span<const std::byte> rows, const Spec& spec, size_t row_bytes,
                     Block& block, std::string& out) {
  const size_t before = out.size();
  const size_t total = rows.size();
  const auto per_group = static_cast<uint32_t>(std::max<size_t>(1, kGroupBytes / row_bytes));
  const uint32_t groups = (block.rows + per_group - 1) / per_group;
  out.resize(before + groups * sizeof(uint32_t));
  const size_t data = out.size();
  std::vector<std::byte> changed;  // A group's differences.
  for (uint32_t group = 0; group < groups; ++group) {
    const size_t begin = size_t{group} * per_group * row_bytes;
    const size_t size = std::min(total - begin, per_group * row_bytes);
    auto group_rows = rows.subspan(begin, size);
    if (block.delta) {
      changed.assign(group_rows.begin(), group_rows.end());
      make_delta(*spec.type, changed.data(), row_bytes, size / row_bytes);
      group_rows = changed;
    }
    const size_t room = before + total * 3 / 4;
    if (out.size() >= room ||
        !wire::compress(wire::Compression::kLz4, group_rows, room - out.size(), out)) {
      out.resize(before);
      return false;
    }
    const auto end = static_cast<uint32_t>(out.size() - data);
    std::memcpy(out.data() + before + group * sizeof(end), &end, sizeof(end));
  }
  block.codec = wire::Compression::kLz4;
  block.rows_per_group = per_group;
  return true;
}

}  // namespace

ChunkBuilder::ChunkBuilder(uint64_t key, uint64_t episode, ChunkOptions options)
    : key_(key), episode_(episode), options_(options) {}

uint32_t ChunkBuilder::append(size_t column, const Spec& spec, std::span<const std::byte> row) {
  LP_CHECK(column <= columns_.size()) << "columns are added one after the other";
  if (column == columns_.size()) columns_.push_back(Column{.spec = spec});
  Column& target = columns_[column];
  target.bytes.append(reinterpret_cast<const char*>(row.data()), row.size());
  if (!spec.type) target.ends.push_back(static_cast<uint32_t>(target.bytes.size()));
  raw_bytes_ += row.size();
  return target.rows++;
}

uint32_t ChunkBuilder::max_rows() const {
  uint32_t most = 0;
  for (const Column& column : columns_) most = std::max(most, column.rows);
  return most;
}

std::span<const std::byte> ChunkBuilder::row(size_t column, uint32_t row) const {
  const Column& source = columns_[column];
  size_t begin = row == 0 ? 0 : (source.spec.type ? 0 : source.ends[row - 1]);
  size_t size = source.spec.type ? *source.spec.row_bytes() : source.ends[row] - begin;
  if (source.spec.type) begin = row * size;
  return std::as_bytes(std::span(source.bytes)).subspan(begin, size);
}

Result<ChunkRef> ChunkBuilder::build(const Ref<const ChunkLayout>& layout) && {
  if (raw_bytes_ > kMaxChunkBytes) {
    return Error(Code::kResourceExhausted, "a chunk of " + std::to_string(raw_bytes_) +
                                               " bytes; use a smaller max_chunk_length");
  }
  std::vector<Spec> specs;
  for (const Column& column : columns_) specs.push_back(column.spec);
  Ref<const ChunkLayout> shared = layout;
  if (!shared || shared->specs != specs) shared = make_ref<const ChunkLayout>(std::move(specs));
  std::vector<Block> blocks;
  std::string data;
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    Block block;
    block.rows = column.rows;
    block.begin = data.size();
    const size_t row_bytes = shared->row_bytes[i];
    // Short rows in a small block cost more to pack than they save.
    const bool large = row_bytes > 0 && column.bytes.size() >= kCompressFrom;
    block.delta = options_.delta && options_.compress && large && can_delta(column.spec);
    if (!(options_.compress && large &&
          compress_groups(std::as_bytes(std::span(column.bytes)), column.spec, row_bytes, block,
                          data))) {
      block.delta = false;
      for (const uint32_t end : column.ends) {
        data.append(reinterpret_cast<const char*>(&end), sizeof(end));
      }
      data += column.bytes;
    }
    block.size = data.size() - block.begin;
    blocks.push_back(block);
  }
  auto owner = std::make_shared<std::string>(std::move(data));
  return Chunk::make(key_, episode_, std::move(shared), std::move(blocks),
                     wire::Buffer(owner, owner->data(), owner->size()));
}

}  // namespace lp::replay
