// How chunks and layouts become bytes and back, for messages and checkpoints. A reader's input is
// not trusted. Layouts that were read before are shared. One thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "launchpad/replay/bytes.h"
#include "launchpad/replay/trajectory.h"

namespace lp::replay {

void write_spec(ByteWriter& out, const Spec& spec);
Spec read_spec(ByteReader& in);

// Everything of a chunk but its data().
void write_chunk_head(ByteWriter& out, const Chunk& chunk);
void write_layout(ByteWriter& out, const Layout& layout);

// What was read before, by its bytes, so that equal layouts are one.
class LayoutCache {
 public:
  // INVALID_ARGUMENT: the bytes are no layout.
  Result<LayoutRef> layout(ByteReader& in);
  // A chunk's layout.
  Result<Ref<const ChunkLayout>> columns(ByteReader& in);

 private:
  static constexpr size_t kMost = 4096;  // Then all is forgotten, and read anew.
  std::unordered_map<std::string, LayoutRef> layouts_;
  std::unordered_map<std::string, Ref<const ChunkLayout>> columns_;
};

struct ChunkHead {
  uint64_t key = 0;
  uint64_t episode = 0;
  Ref<const ChunkLayout> layout{};
  std::vector<Block> blocks{};
  uint64_t size = 0;  // Of its data.
};
Result<ChunkHead> read_chunk_head(ByteReader& in, LayoutCache& cache);
Result<ChunkRef> make_chunk(ChunkHead head, const wire::Buffer& data);

}  // namespace lp::replay
