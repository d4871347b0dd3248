// Manifest is what a checkpoint's main file holds: where each chunk lies, all items of all tables,
// and the writers' progress. Pure; what is read is not trusted.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/base/background.h"
#include "launchpad/replay/encoding.h"
#include "launchpad/replay/key_map.h"
#include "launchpad/replay/store.h"

namespace lp::replay {

// Which chunk it is, across saves. Keys are random numbers of 64 bits.
struct ChunkIdentity {
  uint64_t key = 0;
  uint64_t episode = 0;
  uint64_t size = 0;
  bool operator==(const ChunkIdentity&) const = default;
};
ChunkIdentity identity_of(const Chunk& chunk);

// Where a chunk's record lies.
struct ChunkPlace {
  uint64_t segment = 0;  // The file's number.
  uint64_t offset = 0;
  uint64_t size = 0;
};
using PlacedChunk = std::pair<ChunkIdentity, ChunkPlace>;

// ChunkNumbers finds which number a chunk has in a list of them. One thread.
class ChunkNumbers {
 public:
  explicit ChunkNumbers(size_t expected = 0);

  // In `chunks`, of which all numbers were added here. None: it is not in there, or (once in 2^64)
  // hidden by another.
  std::optional<uint32_t> find(const ChunkIdentity& identity,
                               std::span<const PlacedChunk> chunks) const;
  void add(const ChunkIdentity& identity, uint32_t number);

 private:
  uint64_t hash(const ChunkIdentity& identity) const;

  uint64_t salt_;
  KeyMap numbers_;
};

// chunks-0123456789abcdef.lpr, and back: none, if it is another's file.
std::string segment_name(uint64_t number);
std::optional<uint64_t> segment_number(std::string_view name);

struct SavedItem {
  uint64_t key = 0;
  double priority = 1.0;
  int32_t times_sampled = 0;
  LayoutRef layout{};
  uint32_t chunks = 0;  // How many of the table's, after those of the items before it.
};

struct SavedTable {
  TableInfo info{};  // Its options, and its counts.
  std::vector<SavedItem> items{};
  std::vector<uint32_t> chunks{};  // Of all items: numbers of the manifest's.
};

struct Manifest {
  std::vector<PlacedChunk> chunks{};
  std::vector<SavedTable> tables{};
  std::vector<WriterState> writers{};
};

// `pace`: of the thread, which may rest meanwhile.
wire::Body encode(const Manifest& manifest, base::Pace& pace);
// DATA_LOSS: the bytes are damaged, or of another version.
Result<Manifest> decode_manifest(std::string_view bytes);

// Appends a chunk as a record of a segment: its length and checksum, then the chunk.
void append_record(const Chunk& chunk, wire::Body& out);
Result<ChunkRef> decode_record(const wire::Buffer& segment, const ChunkPlace& place,
                               LayoutCache& cache);

// What a segment begins with.
inline constexpr std::string_view kSegmentMagic = "LPRCHNK1";

}  // namespace lp::replay
