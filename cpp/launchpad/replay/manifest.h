// Manifest is what a checkpoint's main file holds: where each chunk lies, all items of all tables,
// and the writers' progress. Pure; what is read is not trusted.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/replay/encoding.h"
#include "launchpad/replay/store.h"

namespace lp::replay {

// Which chunk it is, across saves. Keys are random numbers of 64 bits.
struct ChunkIdentity {
  uint64_t key = 0;
  uint64_t episode = 0;
  uint64_t size = 0;
  auto operator<=>(const ChunkIdentity&) const = default;
};
ChunkIdentity identity_of(const Chunk& chunk);

// Where a chunk's record lies.
struct ChunkPlace {
  std::string segment{};
  uint64_t offset = 0;
  uint64_t size = 0;
};
using ChunkPlaces = std::map<ChunkIdentity, ChunkPlace>;

struct SavedItem {
  uint64_t key = 0;
  double priority = 1.0;
  int32_t times_sampled = 0;
  LayoutRef layout{};
  std::vector<uint32_t> chunks{};  // Indices into the manifest's chunks.
};

struct SavedTable {
  TableInfo info{};  // Its options, and its counts.
  std::vector<SavedItem> items{};
};

struct Manifest {
  std::vector<std::pair<ChunkIdentity, ChunkPlace>> chunks{};
  std::vector<SavedTable> tables{};
  std::vector<WriterState> writers{};
};

std::string encode(const Manifest& manifest);
// DATA_LOSS: the bytes are damaged, or of another version.
Result<Manifest> decode_manifest(std::string_view bytes);

// A chunk as a record of a segment: its length and checksum, then the chunk.
std::string encode_record(const Chunk& chunk);
Result<ChunkRef> decode_record(const wire::Buffer& segment, const ChunkPlace& place,
                               LayoutCache& cache);

// What a segment begins with.
inline constexpr std::string_view kSegmentMagic = "LPRCHNK1";

}  // namespace lp::replay
