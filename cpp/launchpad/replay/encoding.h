// How chunks and layouts become bytes and back, for messages and checkpoints. A reader's input is
// not trusted. Layouts that were read before are shared. One thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "launchpad/replay/bytes.h"
#include "launchpad/replay/trajectory.h"
#include "launchpad/wire/codec.h"

namespace lp::replay {

void write_spec(ByteWriter& out, const Spec& spec);
Spec read_spec(ByteReader& in);

// Everything of a chunk but its data().
void write_chunk_head(ByteWriter& out, const Chunk& chunk);
void write_layout(ByteWriter& out, const Layout& layout);

// A typed value, as calls carry it.
template <class T>
wire::Payload typed(const T& value) {
  wire::Payload payload;
  wire::Writer writer(payload);
  wire::write(writer, value);
  return payload;
}

// The layouts of items, each written once: the items name them by their numbers.
class LayoutTable {
 public:
  uint32_t number(const LayoutRef& layout);
  void write(ByteWriter& out) const;

 private:
  std::map<const Layout*, uint32_t> numbers_;
  wire::Body bytes_;
};

// What was read before, by its bytes, so that equal layouts are one.
class LayoutCache {
 public:
  // INVALID_ARGUMENT: the bytes are no layout.
  Result<LayoutRef> layout(ByteReader& in);
  // A chunk's layout.
  Result<Ref<const ChunkLayout>> columns(ByteReader& in);

 private:
  // Beyond so many bytes and of each so many, all is forgotten, and read anew.
  static constexpr size_t kMostBytes = 1 << 20;
  static constexpr size_t kMost = 4096;

  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  template <class T>
  using Map = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
  // What `bytes` stand for: known, or made; null if `make` makes none.
  template <class T, class Make>
  T shared(Map<T>& map, std::string_view bytes, Make make);

  Map<LayoutRef> layouts_;
  Map<Ref<const ChunkLayout>> columns_;
  size_t bytes_ = 0;  // Of what was read, in both.
};

// Those of a LayoutTable, by their numbers.
Result<std::vector<LayoutRef>> read_layouts(ByteReader& in, LayoutCache& cache);

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
