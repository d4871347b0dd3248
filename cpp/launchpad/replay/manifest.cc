#include "launchpad/replay/manifest.h"

#include "launchpad/replay/crc32c.h"

namespace lp::replay {
namespace {

constexpr std::string_view kMagic = "LPRCKPT1";

Error damaged(const char* what) { return Error(Code::kDataLoss, what); }

// With its length.
template <class T>
void write_typed(ByteWriter& out, const T& value) {
  out.string(typed(value).body);
}

template <class T>
T read_typed(ByteReader& in) {
  wire::Payload payload;
  payload.body = std::string(in.string());
  wire::Reader reader(payload);
  T value = wire::read<T>(reader);
  if (!reader.ok()) in.fail();
  return value;
}

void write_table(ByteWriter& out, const SavedTable& table) {
  write_typed(out, table.info);
  LayoutTable layouts;
  std::string item_bytes;
  ByteWriter item_out(item_bytes);
  for (const SavedItem& item : table.items) {
    item_out.number(item.key);
    item_out.number(item.priority);
    item_out.number(item.times_sampled);
    item_out.number(layouts.number(item.layout));
    item_out.numbers(std::span<const uint32_t>(item.chunks));
  }
  layouts.write(out);
  out.number(static_cast<uint32_t>(table.items.size()));
  out.raw(std::as_bytes(std::span(item_bytes)));
}

Result<SavedTable> read_table(ByteReader& in, LayoutCache& cache) {
  SavedTable table;
  table.info = read_typed<TableInfo>(in);
  LP_TRY_ASSIGN(const std::vector<LayoutRef> layouts, read_layouts(in, cache));
  for (size_t n = in.count(28); n > 0 && in.ok(); --n) {
    SavedItem item;
    item.key = in.number<uint64_t>();
    item.priority = in.number<double>();
    item.times_sampled = in.number<int32_t>();
    const auto layout = in.number<uint32_t>();
    item.chunks = in.numbers<uint32_t>();
    if (!in.ok() || layout >= layouts.size()) return damaged("an item is damaged");
    item.layout = layouts[layout];
    table.items.push_back(std::move(item));
  }
  if (!in.ok()) return damaged("a table is damaged");
  return table;
}

}  // namespace

ChunkIdentity identity_of(const Chunk& chunk) {
  return {chunk.key(), chunk.episode(), chunk.data().size()};
}

std::string encode(const Manifest& manifest) {
  std::string bytes;
  ByteWriter out(bytes);
  std::map<std::string_view, uint32_t> segments;
  std::string names;
  for (const auto& [identity, place] : manifest.chunks) {
    if (segments.try_emplace(place.segment, segments.size()).second) {
      ByteWriter(names).string(place.segment);
    }
  }
  out.number(static_cast<uint32_t>(segments.size()));
  out.raw(std::as_bytes(std::span(names)));
  out.number(static_cast<uint32_t>(manifest.chunks.size()));
  for (const auto& [identity, place] : manifest.chunks) {
    out.number(identity.key);
    out.number(identity.episode);
    out.number(identity.size);
    out.number(segments.at(place.segment));
    out.number(place.offset);
    out.number(place.size);
  }
  out.number(static_cast<uint32_t>(manifest.tables.size()));
  for (const SavedTable& table : manifest.tables) write_table(out, table);
  write_typed(out, manifest.writers);
  std::string file(kMagic);
  ByteWriter head(file);
  head.number(static_cast<uint64_t>(bytes.size()));
  head.number(crc32c(bytes));
  return file + bytes;
}

Result<Manifest> decode_manifest(std::string_view bytes) {
  ByteReader head(bytes);
  if (head.raw(kMagic.size()) != kMagic) return damaged("it is no checkpoint of this version");
  const auto size = head.number<uint64_t>();
  const auto checksum = head.number<uint32_t>();
  const std::string_view body = head.raw(size);
  if (!head.ok() || !head.at_end()) return damaged("it is cut off");
  if (crc32c(body) != checksum) return damaged("its checksum is wrong");
  ByteReader in(body);
  LayoutCache cache;
  Manifest manifest;
  std::vector<std::string> segments;
  for (size_t n = in.count(4); n > 0 && in.ok(); --n) segments.emplace_back(in.string());
  for (size_t n = in.count(44); n > 0 && in.ok(); --n) {
    ChunkIdentity identity;
    identity.key = in.number<uint64_t>();
    identity.episode = in.number<uint64_t>();
    identity.size = in.number<uint64_t>();
    const auto segment = in.number<uint32_t>();
    if (segment >= segments.size()) return damaged("a chunk has no segment");
    ChunkPlace place{segments[segment], 0, 0};
    place.offset = in.number<uint64_t>();
    place.size = in.number<uint64_t>();
    manifest.chunks.emplace_back(identity, std::move(place));
  }
  for (size_t n = in.count(8); n > 0 && in.ok(); --n) {
    LP_TRY_ASSIGN(SavedTable table, read_table(in, cache));
    manifest.tables.push_back(std::move(table));
  }
  manifest.writers = read_typed<std::vector<WriterState>>(in);
  if (!in.ok() || !in.at_end()) return damaged("its contents are damaged");
  return manifest;
}

std::string encode_record(const Chunk& chunk) {
  std::string body;
  ByteWriter out(body);
  write_chunk_head(out, chunk);
  out.raw(chunk.data());
  std::string record;
  ByteWriter head(record);
  head.number(static_cast<uint64_t>(body.size()));
  head.number(crc32c(body));
  return record + body;
}

Result<ChunkRef> decode_record(const wire::Buffer& segment, const ChunkPlace& place,
                               LayoutCache& cache) {
  if (place.offset > segment.size() || place.size > segment.size() - place.offset) {
    return damaged("a segment is cut off");
  }
  const auto* bytes = reinterpret_cast<const char*>(segment.data()) + place.offset;
  ByteReader head(std::string_view(bytes, place.size));
  const auto size = head.number<uint64_t>();
  const auto checksum = head.number<uint32_t>();
  const std::string_view body = head.raw(size);
  if (!head.ok() || !head.at_end() || crc32c(body) != checksum) {
    return damaged("a chunk's checksum is wrong");
  }
  ByteReader in(body);
  LP_TRY_ASSIGN(ChunkHead chunk, read_chunk_head(in, cache));
  const std::string_view data = in.raw(chunk.size);
  if (!in.ok() || !in.at_end()) return damaged("a chunk is damaged");
  // A copy, so that one chunk does not keep the whole segment in memory.
  auto copy = std::make_shared<const std::string>(data);
  return make_chunk(std::move(chunk), wire::Buffer(copy, copy->data(), copy->size()));
}

}  // namespace lp::replay
