// Chunk is an immutable run of steps of some columns, made once by a writer and shared by all items
// that use a part of it, in all tables. Each column is one block: raw, or compressed in groups of
// rows, so that one step is read without its neighbours. ChunkBuilder collects steps. A Chunk may
// be read on any thread; a builder is one thread's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "launchpad/base/result.h"
#include "launchpad/replay/ref.h"
#include "launchpad/replay/spec.h"
#include "launchpad/wire/buffer.h"
#include "launchpad/wire/compression.h"

namespace lp::replay {

inline constexpr size_t kMaxColumns = 1 << 14;  // Of a chunk, of a trajectory.
inline constexpr uint32_t kMaxRows = 1 << 24;   // Of a column of a chunk.
inline constexpr size_t kMaxChunkBytes = size_t{1} << 31;
// Smaller data is copied next to a chunk's fields, and travels in a message's body. Larger data
// stays where it came in, and travels as a buffer.
inline constexpr size_t kInlineBytes = 4096;
// Rows are compressed together up to so many raw bytes.
inline constexpr size_t kGroupBytes = 64 << 10;

// The columns of a chunk; shared by the chunks of a writer.
struct ChunkLayout final : Counted {
  explicit ChunkLayout(std::vector<Spec> columns);

  const std::vector<Spec> specs;
  std::vector<size_t> row_bytes;  // Per column; 0: strings or nothing.
  bool fixed = true;              // No column of strings.
};

// Where a column's rows lie in the chunk's bytes. Strings, and compressed groups, are found by a
// table of end positions (4 bytes each, little endian) before the data.
struct Block {
  uint32_t rows = 0;
  uint32_t rows_per_group = 0;  // Of a compressed block; else 0.
  wire::Compression codec = wire::Compression::kNone;
  bool delta = false;  // Rows of a group hold the difference to the row before, by elements.
  uint64_t begin = 0;
  uint64_t size = 0;
};

class Chunk;
using ChunkRef = Ref<const Chunk>;

class Chunk final : public Counted {
 public:
  // Takes chunks from elsewhere (the wire, a file) and trusts nothing: INVALID_ARGUMENT for blocks
  // that do not fit the bytes. Small `data` is copied, larger shared. Damage inside compressed data
  // shows as DATA_LOSS when rows are read.
  static Result<ChunkRef> make(uint64_t key, uint64_t episode, Ref<const ChunkLayout> layout,
                               std::vector<Block> blocks, const wire::Buffer& data);

  uint64_t key() const { return key_; }
  uint64_t episode() const { return episode_; }
  const Ref<const ChunkLayout>& layout() const { return layout_; }
  size_t columns() const { return layout_->specs.size(); }
  const Spec& spec(size_t column) const { return layout_->specs[column]; }
  uint32_t rows(size_t column) const { return block(column).rows; }
  Block block(size_t column) const;
  // All columns are raw, of fixed size, with the same number of rows, one after the other.
  bool plain() const { return blocks_ == nullptr && columns() > 0; }
  // What is stored, as `make` takes it.
  std::span<const std::byte> data() const { return {data_, size_}; }
  // The same as a Buffer that shares the chunk's memory.
  wire::Buffer shared_data() const;

  // Memory that it takes, in bytes: stored data and the chunk's own fields.
  size_t bytes() const;
  // Bytes of the steps before compression.
  size_t raw_bytes() const { return raw_bytes_; }

  // Appends rows first, first + step, ... (`count` of them; they must exist) to `out`, and returns
  // the number of bytes. `out` has room for count x row_bytes (a column of strings: use
  // append_strings). DATA_LOSS: the compressed data is damaged.
  Status read(size_t column, uint32_t first, uint32_t count, int32_t step, std::byte* out) const;
  // The same for a column of strings.
  Status read_strings(size_t column, uint32_t first, uint32_t count, int32_t step,
                      std::string& out) const;
  // How many bytes that appends, of rows that exist. At most kMaxRows different ones are looked at.
  uint64_t string_bytes(size_t column, uint32_t first, uint32_t count, int32_t step) const;

  static void destroy(const Chunk* chunk);

 private:
  friend class TableContents;

  Chunk(uint64_t key, uint64_t episode, Ref<const ChunkLayout> layout);
  ~Chunk() = default;
  Status read_group(size_t column, const Block& block, uint32_t group,
                    std::vector<std::byte>& out) const;
  Status check_blocks(std::span<const Block> blocks);

  uint64_t key_;
  uint64_t episode_;
  Ref<const ChunkLayout> layout_;
  std::unique_ptr<Block[]> blocks_;  // Null: raw columns of `rows_` fixed-size rows each.
  uint32_t rows_ = 0;
  uint32_t size_ = 0;
  uint64_t raw_bytes_ = 0;
  const std::byte* data_ = nullptr;
  std::shared_ptr<const void> owner_;  // Null: the bytes follow this object.
  // The table that counts here how many of its items use this chunk; null: none does. The count is
  // under that table's lock.
  mutable std::atomic<const void*> counter_{nullptr};
  mutable uint32_t count_ = 0;
};

// How a builder stores columns.
struct ChunkOptions {
  bool compress = true;  // Where it pays: lz4 for what shrinks to less than 3/4, else raw.
  bool delta = false;    // Of integers with two or more dimensions: frames that change little.
};

class ChunkBuilder {
 public:
  explicit ChunkBuilder(uint64_t key, uint64_t episode, ChunkOptions options = {});

  // Appends one step to a column, which may be new (at the end: its number is columns()). The row
  // must have passed check_row. Returns the row's number in its column.
  uint32_t append(size_t column, const Spec& spec, std::span<const std::byte> row);
  size_t columns() const { return columns_.size(); }
  uint32_t max_rows() const;  // Of the longest column.
  size_t raw_bytes() const { return raw_bytes_; }
  // A row that was appended.
  std::span<const std::byte> row(size_t column, uint32_t row) const;

  // The chunk of all that was appended. `layout`: one to share if it has these columns.
  // RESOURCE_EXHAUSTED: more than kMaxChunkBytes.
  Result<ChunkRef> build(const Ref<const ChunkLayout>& layout = nullptr) &&;

 private:
  struct Column {
    Spec spec;
    std::string bytes{};
    std::vector<uint32_t> ends{};  // Of strings.
    uint32_t rows = 0;
  };

  uint64_t key_;
  uint64_t episode_;
  ChunkOptions options_;
  std::vector<Column> columns_;
  size_t raw_bytes_ = 0;
};

}  // namespace lp::replay
