#include "launchpad/replay/manifest.h"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>

#include "launchpad/base/rng.h"
#include "launchpad/replay/crc32c.h"

namespace lp::replay {
namespace {

constexpr std::string_view kMagic = "LPRCKPT1";
constexpr std::string_view kSegment = "chunks-";
constexpr std::string_view kEnding = ".lpr";
constexpr size_t kDigits = 16;
constexpr size_t kChunkBytes = 5 * sizeof(uint64_t) + sizeof(uint32_t);  // Where it is.
constexpr size_t kItemBytes = 28;                                        // Without the chunks.

Error damaged(const char* what) { return Error(Code::kDataLoss, what); }

// With its length.
template <class T>
void write_typed(ByteWriter& out, const T& value) {
  out.string(typed(value).body);
}

template <class T>
T read_typed(ByteReader& in) {
  wire::Payload payload;
  payload.body = in.string();
  wire::Reader reader(payload);
  T value = wire::read<T>(reader);
  if (!reader.ok()) in.fail();
  return value;
}

void write_table(ByteWriter& out, const SavedTable& table, base::Pace& pace) {
  write_typed(out, table.info);
  LayoutTable layouts;
  wire::Body item_bytes;
  item_bytes.reserve(table.items.size() * kItemBytes + table.chunks.size() * sizeof(uint32_t));
  ByteWriter item_out(item_bytes);
  std::span<const uint32_t> chunks(table.chunks);
  for (const SavedItem& item : table.items) {
    pace.breathe();
    item_out.number(item.key);
    item_out.number(item.priority);
    item_out.number(item.times_sampled);
    item_out.number(layouts.number(item.layout));
    item_out.numbers(chunks.first(item.chunks));
    chunks = chunks.subspan(item.chunks);
  }
  layouts.write(out);
  out.number(static_cast<uint32_t>(table.items.size()));
  out.raw(std::as_bytes(std::span(item_bytes)));
}

Result<SavedTable> read_table(ByteReader& in, LayoutCache& cache) {
  SavedTable table;
  table.info = read_typed<TableInfo>(in);
  LP_TRY_ASSIGN(const std::vector<LayoutRef> layouts, read_layouts(in, cache));
  for (size_t n = in.count(kItemBytes); n > 0 && in.ok(); --n) {
    SavedItem item;
    item.key = in.number<uint64_t>();
    item.priority = in.number<double>();
    item.times_sampled = in.number<int32_t>();
    const auto layout = in.number<uint32_t>();
    const std::vector<uint32_t> chunks = in.numbers<uint32_t>();
    item.chunks = static_cast<uint32_t>(chunks.size());
    table.chunks.insert(table.chunks.end(), chunks.begin(), chunks.end());
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

ChunkNumbers::ChunkNumbers(size_t expected)
    : salt_(base::fresh_seed()), numbers_(base::unique_seed(), expected) {}

// Writers choose the keys: without a secret they could put all of them into one bucket.
uint64_t ChunkNumbers::hash(const ChunkIdentity& identity) const {
  const uint64_t episode = KeyMap::mixed(identity.episode, salt_);
  return KeyMap::mixed(identity.key, KeyMap::mixed(identity.size, episode));
}

std::optional<uint32_t> ChunkNumbers::find(const ChunkIdentity& identity,
                                           std::span<const PlacedChunk> chunks) const {
  const uint32_t* number = numbers_.find(hash(identity));
  if (number == nullptr || chunks[*number].first != identity) return std::nullopt;
  return *number;
}

void ChunkNumbers::add(const ChunkIdentity& identity, uint32_t number) {
  numbers_[hash(identity)] = number;
}

std::string segment_name(uint64_t number) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(number));
  return std::string(kSegment) + digits + std::string(kEnding);
}

std::optional<uint64_t> segment_number(std::string_view name) {
  if (name.size() != kSegment.size() + kDigits + kEnding.size()) return std::nullopt;
  uint64_t number = 0;
  const char* const digits = name.data() + kSegment.size();
  (void)std::from_chars(digits, digits + kDigits, number, 16);
  // Written one way only: what else reads as that number is another's.
  return segment_name(number) == name ? std::optional(number) : std::nullopt;
}

wire::Body encode(const Manifest& manifest, base::Pace& pace) {
  wire::Body file(kMagic);
  const size_t head = file.size();
  file.resize(head + sizeof(uint64_t) + sizeof(uint32_t));
  const size_t start = file.size();
  file.reserve(start + manifest.chunks.size() * kChunkBytes);
  ByteWriter out(file);
  std::map<uint64_t, uint32_t> segments;
  wire::Body names;
  for (const auto& [identity, place] : manifest.chunks) {
    pace.breathe();
    if (segments.try_emplace(place.segment, segments.size()).second) {
      ByteWriter(names).string(segment_name(place.segment));
    }
  }
  out.number(static_cast<uint32_t>(segments.size()));
  out.raw(std::as_bytes(std::span(names)));
  out.number(static_cast<uint32_t>(manifest.chunks.size()));
  for (const auto& [identity, place] : manifest.chunks) {
    pace.breathe();
    out.number(identity.key);
    out.number(identity.episode);
    out.number(identity.size);
    out.number(segments.at(place.segment));
    out.number(place.offset);
    out.number(place.size);
  }
  out.number(static_cast<uint32_t>(manifest.tables.size()));
  for (const SavedTable& table : manifest.tables) write_table(out, table, pace);
  write_typed(out, manifest.writers);
  const std::string_view body = std::string_view(file).substr(start);
  const uint64_t size = body.size();
  const uint32_t checksum = crc32c(std::as_bytes(std::span(body)));
  std::memcpy(file.data() + head, &size, sizeof(size));
  std::memcpy(file.data() + head + sizeof(size), &checksum, sizeof(checksum));
  return file;
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
  std::vector<uint64_t> segments;
  for (size_t n = in.count(4); n > 0 && in.ok(); --n) {
    const auto number = segment_number(in.string());
    if (!number) return damaged("a segment has a bad name");
    segments.push_back(*number);
  }
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
    manifest.chunks.emplace_back(identity, place);
  }
  for (size_t n = in.count(8); n > 0 && in.ok(); --n) {
    LP_TRY_ASSIGN(SavedTable table, read_table(in, cache));
    manifest.tables.push_back(std::move(table));
  }
  manifest.writers = read_typed<std::vector<WriterState>>(in);
  if (!in.ok() || !in.at_end()) return damaged("its contents are damaged");
  return manifest;
}

void append_record(const Chunk& chunk, wire::Body& out) {
  constexpr size_t kHead = sizeof(uint64_t) + sizeof(uint32_t);
  const size_t start = out.size();
  out.resize(start + kHead);
  ByteWriter body_out(out);
  write_chunk_head(body_out, chunk);
  body_out.raw(chunk.data());
  const std::string_view body = std::string_view(out).substr(start + kHead);
  wire::Body head;
  ByteWriter head_out(head);
  head_out.number(static_cast<uint64_t>(body.size()));
  head_out.number(crc32c(body));
  out.replace(start, kHead, head);
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
