#include "launchpad/replay/chunk.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "launchpad/replay/delta.h"

namespace lp::replay {
namespace {

Error damaged(const std::string& what) {
  return Error(Code::kDataLoss, "a damaged chunk: " + what);
}
Error bad(const std::string& what) {
  return Error(Code::kInvalidArgument, "not a chunk of steps: " + what);
}

// The end of entry `index` in a table of ends; where its data begins for index -1 is 0.
uint32_t end_of(const std::byte* table, int64_t index) {
  uint32_t end = 0;
  if (index >= 0) std::memcpy(&end, table + static_cast<size_t>(index) * sizeof(end), sizeof(end));
  return end;
}

uint32_t groups_of(const Block& block) {
  if (block.rows_per_group == 0) return 0;
  return (block.rows + block.rows_per_group - 1) / block.rows_per_group;
}

// Entries in the table of ends before a block's data.
uint64_t table_entries(const Block& block, bool strings) {
  return strings ? block.rows : groups_of(block);
}

}  // namespace

ChunkLayout::ChunkLayout(std::vector<Spec> columns) : specs(std::move(columns)) {
  for (const Spec& spec : specs) {
    row_bytes.push_back(spec.row_bytes().value_or(0));
    fixed = fixed && spec.type.has_value();
  }
}

Chunk::Chunk(uint64_t key, uint64_t episode, Ref<const ChunkLayout> layout)
    : key_(key), episode_(episode), layout_(std::move(layout)) {}

void Chunk::destroy(const Chunk* chunk) {
  chunk->~Chunk();
  ::operator delete(const_cast<Chunk*>(chunk));
}

Result<ChunkRef> Chunk::make(uint64_t key, uint64_t episode, Ref<const ChunkLayout> layout,
                             std::vector<Block> blocks, const wire::Buffer& data) {
  if (blocks.size() != layout->specs.size()) return bad("blocks and columns differ in number");
  if (data.size() > kMaxChunkBytes) return bad("it is too large");
  const bool copied = data.size() <= kInlineBytes;
  void* memory = ::operator new(sizeof(Chunk) + (copied ? data.size() : 0));
  auto* chunk = new (memory) Chunk(key, episode, std::move(layout));
  ChunkRef owner(chunk);
  chunk->size_ = static_cast<uint32_t>(data.size());
  if (copied) {
    auto* bytes = reinterpret_cast<std::byte*>(chunk + 1);
    if (data.size() > 0) std::memcpy(bytes, data.data(), data.size());
    chunk->data_ = bytes;
  } else {
    // Shared memory is lent for a call's time, not for as long as an item may live.
    wire::Buffer own = data;
    if (data.block() != nullptr) {
      own = wire::Buffer::allocate(data.size());
      std::memcpy(own.mutable_data(), data.data(), data.size());
    }
    chunk->data_ = own.data();
    chunk->owner_ = std::make_shared<wire::Buffer>(std::move(own));
  }
  LP_TRY(chunk->check_blocks(blocks));
  // Most small chunks need no list of blocks: their columns follow each other, each with all rows.
  bool plain = chunk->layout_->fixed;
  uint64_t at = 0;
  for (size_t i = 0; plain && i < blocks.size(); ++i) {
    plain = blocks[i].codec == wire::Compression::kNone && blocks[i].rows == blocks[0].rows &&
            blocks[i].begin == at;
    at += blocks[i].size;
  }
  if (plain && !blocks.empty()) {
    chunk->rows_ = blocks[0].rows;
  } else {
    chunk->blocks_ = std::make_unique<Block[]>(blocks.size());
    std::copy(blocks.begin(), blocks.end(), chunk->blocks_.get());
  }
  return owner;
}

Status Chunk::check_blocks(std::span<const Block> blocks) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    const Block& block = blocks[i];
    const bool strings = !spec(i).type;
    const size_t row_bytes = layout_->row_bytes[i];
    if (block.rows > kMaxRows) return bad("too many rows");
    if (block.begin > size_ || block.size > size_ - block.begin) {
      return bad("a column lies outside of its data");
    }
    if (!wire::is_compression(static_cast<uint8_t>(block.codec)))
      return bad("an unknown compression");
    const bool raw = block.codec == wire::Compression::kNone;
    if (raw != (block.rows_per_group == 0) || (block.delta && (raw || strings))) {
      return bad("a column's form is contradictory");
    }
    if (strings && !raw) return bad("strings are never compressed");
    const uint64_t table = table_entries(block, strings) * sizeof(uint32_t);
    if (table > block.size) return bad("a column is shorter than its index");
    if (raw && !strings && block.size != uint64_t{block.rows} * row_bytes) {
      return bad("a column has not the bytes of its rows");
    }
    uint32_t before = 0;
    for (uint64_t entry = 0; entry < table_entries(block, strings); ++entry) {
      const uint32_t end = end_of(data_ + block.begin, static_cast<int64_t>(entry));
      if (end < before || end > block.size - table) return bad("a column's index is not in order");
      if (strings) {
        const auto row = data().subspan(block.begin + table + before, end - before);
        LP_TRY(check_row(spec(i), row));
      }
      before = end;
    }
    if (row_bytes > 0 && std::max(block.rows, block.rows_per_group) > kMaxChunkBytes / row_bytes) {
      return bad("a column is too large");
    }
    raw_bytes_ += strings ? block.size - table : uint64_t{block.rows} * row_bytes;
  }
  return {};
}

Block Chunk::block(size_t column) const {
  if (blocks_ != nullptr) return blocks_[column];
  Block block;
  block.rows = rows_;
  for (size_t i = 0; i < column; ++i) block.begin += uint64_t{rows_} * layout_->row_bytes[i];
  block.size = uint64_t{rows_} * layout_->row_bytes[column];
  return block;
}

wire::Buffer Chunk::shared_data() const {
  if (owner_ != nullptr) return wire::Buffer(owner_, data_, size_);
  return wire::Buffer(std::make_shared<ChunkRef>(this), data_, size_);
}

size_t Chunk::bytes() const {
  return sizeof(Chunk) + size_ + (blocks_ != nullptr ? columns() * sizeof(Block) : 0);
}

Status Chunk::read_group(size_t column, const Block& block, uint32_t group,
                         std::vector<std::byte>& out) const {
  const size_t row_bytes = layout_->row_bytes[column];
  const uint32_t first = group * block.rows_per_group;
  const uint32_t rows = std::min(block.rows_per_group, block.rows - first);
  const std::byte* table = data_ + block.begin;
  const std::byte* bytes = table + groups_of(block) * sizeof(uint32_t);
  const uint32_t begin = end_of(table, int64_t{group} - 1);
  out.resize(rows * row_bytes);
  LP_TRY(wire::decompress(block.codec, {bytes + begin, end_of(table, group) - begin}, out));
  if (block.delta) undo_delta(*spec(column).type, out.data(), row_bytes, rows);
  return {};
}

Status Chunk::read(size_t column, uint32_t first, uint32_t count, int32_t step,
                   std::byte* out) const {
  const Block found = block(column);
  const size_t row_bytes = layout_->row_bytes[column];
  if (row_bytes == 0 || count == 0) return {};
  if (found.codec == wire::Compression::kNone) {
    const std::byte* rows = data_ + found.begin;
    if (step == 1) {
      std::memcpy(out, rows + first * row_bytes, count * row_bytes);
      return {};
    }
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(out + static_cast<size_t>(i) * row_bytes,
                  rows + static_cast<size_t>(first + i * step) * row_bytes, row_bytes);
    }
    return {};
  }
  std::vector<std::byte> group;
  int64_t opened = -1;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = first + i * step;
    const int64_t wanted = row / found.rows_per_group;
    if (wanted != opened) LP_TRY(read_group(column, found, static_cast<uint32_t>(wanted), group));
    opened = wanted;
    std::memcpy(out + static_cast<size_t>(i) * row_bytes,
                group.data() + static_cast<size_t>(row % found.rows_per_group) * row_bytes,
                row_bytes);
  }
  return {};
}

Status Chunk::read_strings(size_t column, uint32_t first, uint32_t count, int32_t step,
                           std::string& out) const {
  const Block found = block(column);
  const std::byte* table = data_ + found.begin;
  const auto* bytes = reinterpret_cast<const char*>(table) + found.rows * sizeof(uint32_t);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = first + i * step;
    if (row < 0 || row >= found.rows) return damaged("a row outside of a column");
    const uint32_t begin = end_of(table, row - 1);
    out.append(bytes + begin, end_of(table, row) - begin);
  }
  return {};
}

uint64_t Chunk::string_bytes(size_t column, uint32_t first, uint32_t count, int32_t step) const {
  const std::byte* table = data_ + block(column).begin;
  const auto size_of = [&](int64_t row) { return end_of(table, row) - end_of(table, row - 1); };
  if (step == 0) return uint64_t{count} * size_of(first);
  if (step == 1)
    return end_of(table, int64_t{first} + count - 1) - end_of(table, int64_t{first} - 1);
  uint64_t bytes = 0;
  for (int64_t i = 0; i < count; ++i) bytes += size_of(first + i * step);
  return bytes;
}

}  // namespace lp::replay
