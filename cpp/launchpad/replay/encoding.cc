#include "launchpad/replay/encoding.h"

namespace lp::replay {
namespace {

Error bad(const char* what) {
  return Error(Code::kInvalidArgument, std::string("not ") + what + " of replay's");
}

std::vector<Spec> read_specs(ByteReader& in) {
  std::vector<Spec> specs;
  const size_t columns = in.count(2);
  if (columns > kMaxColumns) in.fail();
  for (size_t i = 0; i < columns && in.ok(); ++i) specs.push_back(read_spec(in));
  return specs;
}

std::vector<ColumnSlices> read_columns(ByteReader& in) {
  std::vector<ColumnSlices> columns;
  const size_t count = in.count(5);
  if (count > kMaxColumns) in.fail();
  for (size_t i = 0; i < count && in.ok(); ++i) {
    ColumnSlices column;
    column.squeeze = in.number<uint8_t>() != 0;
    const size_t slices = in.count(20);
    for (size_t j = 0; j < slices && in.ok(); ++j) {
      Slice slice;
      slice.chunk = in.number<uint32_t>();
      slice.column = in.number<uint32_t>();
      slice.first = in.number<uint32_t>();
      slice.count = in.number<uint32_t>();
      slice.step = in.number<int32_t>();
      column.slices.push_back(slice);
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace

void write_spec(ByteWriter& out, const Spec& spec) {
  out.number(static_cast<uint8_t>(spec.type ? static_cast<int>(*spec.type) : 0));
  out.number(static_cast<uint8_t>(spec.shape.size()));
  for (const int64_t dimension : spec.shape) out.number(dimension);
}

Spec read_spec(ByteReader& in) {
  Spec spec;
  const auto type = in.number<uint8_t>();
  spec.type = type == 0 ? std::nullopt : dtype_numbered(type);
  if (type != 0 && !spec.type) in.fail();
  const size_t rank = in.number<uint8_t>();
  for (size_t i = 0; i < rank && in.ok(); ++i) spec.shape.push_back(in.number<int64_t>());
  if (!in.ok() || !check_spec(spec).ok()) {
    in.fail();
    return {};
  }
  return spec;
}

void write_chunk_head(ByteWriter& out, const Chunk& chunk) {
  out.number(chunk.key());
  out.number(chunk.episode());
  wire::Body specs;
  ByteWriter inner(specs);
  inner.number(static_cast<uint32_t>(chunk.columns()));
  for (size_t i = 0; i < chunk.columns(); ++i) write_spec(inner, chunk.spec(i));
  out.string(specs);
  out.number(static_cast<uint64_t>(chunk.data().size()));
  out.number(static_cast<uint8_t>(chunk.plain()));
  if (chunk.plain()) {
    out.number(chunk.rows(0));
    return;
  }
  for (size_t i = 0; i < chunk.columns(); ++i) {
    const Block block = chunk.block(i);
    out.number(block.rows);
    out.number(block.rows_per_group);
    out.number(static_cast<uint8_t>(block.codec));
    out.number(static_cast<uint8_t>(block.delta));
    out.number(block.begin);
    out.number(block.size);
  }
}

void write_layout(ByteWriter& out, const Layout& layout) {
  wire::Body columns;
  ByteWriter inner(columns);
  inner.number(static_cast<uint32_t>(layout.columns.size()));
  for (const ColumnSlices& column : layout.columns) {
    inner.number(static_cast<uint8_t>(column.squeeze));
    inner.number(static_cast<uint32_t>(column.slices.size()));
    for (const Slice& slice : column.slices) {
      inner.number(slice.chunk);
      inner.number(slice.column);
      inner.number(slice.first);
      inner.number(slice.count);
      inner.number(slice.step);
    }
  }
  out.string(columns);
}

uint32_t LayoutTable::number(const LayoutRef& layout) {
  const auto [number, added] = numbers_.try_emplace(layout.get(), numbers_.size());
  ByteWriter out(bytes_);
  if (added) write_layout(out, *layout);
  return number->second;
}

void LayoutTable::write(ByteWriter& out) const {
  out.number(static_cast<uint32_t>(numbers_.size()));
  out.raw(std::as_bytes(std::span(bytes_)));
}

Result<std::vector<LayoutRef>> read_layouts(ByteReader& in, LayoutCache& cache) {
  std::vector<LayoutRef> layouts;
  for (size_t n = in.count(4); n > 0 && in.ok(); --n) {
    LP_TRY_ASSIGN(LayoutRef layout, cache.layout(in));
    layouts.push_back(std::move(layout));
  }
  return layouts;
}

template <class T, class Make>
T LayoutCache::shared(Map<T>& map, std::string_view bytes, Make make) {
  const auto found = map.find(bytes);
  if (found != map.end()) return found->second;
  T made = make();
  if (!made || bytes.size() > kMostBytes) return made;
  if (bytes_ + bytes.size() > kMostBytes || map.size() >= kMost) {
    layouts_.clear();
    columns_.clear();
    bytes_ = 0;
  }
  bytes_ += bytes.size();
  map.emplace(bytes, made);
  return made;
}

Result<LayoutRef> LayoutCache::layout(ByteReader& in) {
  const std::string_view bytes = in.string();
  ByteReader inner(bytes);
  LayoutRef layout = shared(layouts_, bytes, [&]() -> LayoutRef {
    auto columns = read_columns(inner);
    return inner.ok() && inner.at_end() ? make_ref<const Layout>(std::move(columns)) : nullptr;
  });
  if (!in.ok() || !layout) return bad("a layout");
  return layout;
}

Result<Ref<const ChunkLayout>> LayoutCache::columns(ByteReader& in) {
  const std::string_view bytes = in.string();
  ByteReader inner(bytes);
  auto layout = shared(columns_, bytes, [&]() -> Ref<const ChunkLayout> {
    auto specs = read_specs(inner);
    return inner.ok() && inner.at_end() ? make_ref<const ChunkLayout>(std::move(specs)) : nullptr;
  });
  if (!in.ok() || !layout) return bad("a chunk's columns");
  return layout;
}

Result<ChunkHead> read_chunk_head(ByteReader& in, LayoutCache& cache) {
  ChunkHead head;
  head.key = in.number<uint64_t>();
  head.episode = in.number<uint64_t>();
  LP_TRY_ASSIGN(head.layout, cache.columns(in));
  head.size = in.number<uint64_t>();
  const bool plain = in.number<uint8_t>() != 0;
  const uint32_t rows = plain ? in.number<uint32_t>() : 0;
  uint64_t begin = 0;
  for (size_t i = 0; i < head.layout->specs.size() && in.ok(); ++i) {
    Block block;
    if (plain) {
      block.rows = rows;
      block.begin = begin;
      block.size = uint64_t{rows} * head.layout->row_bytes[i];
      begin += block.size;
    } else {
      block.rows = in.number<uint32_t>();
      block.rows_per_group = in.number<uint32_t>();
      block.codec = static_cast<wire::Compression>(in.number<uint8_t>());
      block.delta = in.number<uint8_t>() != 0;
      block.begin = in.number<uint64_t>();
      block.size = in.number<uint64_t>();
    }
    head.blocks.push_back(block);
  }
  if (!in.ok() || head.size > kMaxChunkBytes) return bad("a chunk");
  return head;
}

Result<ChunkRef> make_chunk(ChunkHead head, const wire::Buffer& data) {
  if (data.size() != head.size) return bad("the data of a chunk");
  return Chunk::make(head.key, head.episode, std::move(head.layout), std::move(head.blocks), data);
}

}  // namespace lp::replay
