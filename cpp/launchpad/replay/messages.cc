#include "launchpad/replay/messages.h"

#include <map>
#include <memory>

#include "launchpad/wire/reader.h"

namespace lp::replay {
namespace {

constexpr size_t kAlignment = 16;  // Of data in the body, so that arrays can be views of it.
constexpr uint8_t kVersion = 1;

// A typed value, as every payload's body is: bytes (in a list, if they are arguments).
class Message {
 public:
  explicit Message(bool arguments) {
    if (arguments) payload_.body.push_back(static_cast<char>(0x91));
    payload_.body.append("\xc6\0\0\0\0", 5);
    begin_ = payload_.body.size();
    out().number(kVersion);
  }
  ByteWriter out() { return ByteWriter(payload_.body); }
  void data(std::span<const std::byte> bytes, const wire::Buffer& buffer) {
    const bool inside = bytes.size() <= kInlineBytes;
    out().number(static_cast<uint8_t>(inside));
    if (inside) {
      out().align(kAlignment);
      out().raw(bytes);
    } else {
      payload_.buffers.push_back(buffer);
    }
  }
  wire::Payload finish() && {
    const size_t size = payload_.body.size() - begin_;
    for (size_t i = 0; i < 4; ++i) {
      payload_.body[begin_ - 4 + i] = static_cast<char>(size >> (8 * (3 - i)));
    }
    return std::move(payload_);
  }

 private:
  wire::Payload payload_;
  size_t begin_ = 0;
};

// The bytes of a Message, and its buffers one after the other.
class Opened {
 public:
  // `owner` keeps the payload alive for data in the body; null: such data is only borrowed, and
  // small enough for Chunk::make to copy it.
  Opened(const wire::Payload& payload, bool arguments, std::shared_ptr<const void> owner)
      : payload_(payload), owner_(std::move(owner)), in_(content(payload, arguments)) {
    const auto* start = payload.body.data();
    // Where the content begins within the body, since alignment counts from there.
    offset_ = content_.empty() ? 0 : static_cast<size_t>(content_.data() - start);
    in_ = ByteReader(content_);
    if (in_.number<uint8_t>() != kVersion) in_.fail();
  }
  ByteReader& in() { return in_; }
  wire::Buffer data(uint64_t size) {
    const bool inside = in_.number<uint8_t>() != 0;
    if (inside) {
      // A larger chunk would keep a view of memory that is gone when the call is.
      if (size > kInlineBytes) in_.fail();
      in_.align(kAlignment, offset_);
      const std::string_view bytes = in_.raw(size);
      return wire::Buffer(owner_, bytes.data(), bytes.size());
    }
    if (next_ >= payload_.buffers.size() || payload_.buffers[next_].size() != size) {
      in_.fail();
      return {};
    }
    return payload_.buffers[next_++];
  }
  bool ok() const { return in_.ok(); }

 private:
  ByteReader content(const wire::Payload& payload, bool arguments) {
    wire::Reader reader(payload);
    if (payload.encoding == wire::Encoding::kTyped) {
      if (!arguments || reader.list() == 1) content_ = reader.bytes();
      if (!reader.ok()) content_ = {};
    }
    return ByteReader(content_);
  }

  const wire::Payload& payload_;
  std::shared_ptr<const void> owner_;
  std::string_view content_;
  ByteReader in_;
  size_t offset_ = 0;
  size_t next_ = 0;
};

Error bad(const char* what) {
  return Error(Code::kInvalidArgument,
               std::string("not ") + what +
                   " of replay's: client and server are of different versions, or this is no "
                   "client of replay");
}

void write_column(Message& message, const SampleBatch::Column& column) {
  ByteWriter out = message.out();
  write_spec(out, column.spec);
  out.number(static_cast<uint8_t>(column.squeeze));
  out.number(column.length);
  out.numbers(std::span<const uint64_t>(column.ends));
  out.numbers(std::span<const uint64_t>(column.byte_ends));
  out.number(static_cast<uint64_t>(column.bytes.size()));
  message.data(column.bytes.span(), column.bytes);
}

// Whether a column's numbers agree with each other and with its bytes.
bool consistent(const SampleBatch::Column& column, size_t items) {
  const auto ascending = [&](const std::vector<uint64_t>& ends) {
    uint64_t before = 0;
    for (const uint64_t end : ends) {
      if (end < before) return false;
      before = end;
    }
    return ends.size() == items;
  };
  if (column.length < 0) return false;
  if (!column.ends.empty() && !ascending(column.ends)) return false;
  const auto bytes = column.spec.row_bytes();
  if (!bytes) return ascending(column.byte_ends) && column.byte_ends.back() == column.bytes.size();
  if (*bytes == 0) return column.bytes.size() == 0;
  const uint64_t there = column.bytes.size() / *bytes;
  if (column.bytes.size() % *bytes != 0) return false;
  if (!column.ends.empty()) return column.ends.back() == there;
  return static_cast<uint64_t>(column.length) <= there &&
         static_cast<uint64_t>(column.length) * items == there;
}

SampleBatch read_batch(Opened& opened) {
  ByteReader& in = opened.in();
  SampleBatch batch;
  const auto keys = in.numbers<uint64_t>();
  const auto probabilities = in.numbers<double>();
  const auto sizes = in.numbers<int64_t>();
  const auto priorities = in.numbers<double>();
  const auto times = in.numbers<int32_t>();
  const size_t n = keys.size();
  if (n == 0 || probabilities.size() != n || sizes.size() != n || priorities.size() != n ||
      times.size() != n) {
    in.fail();
    return batch;
  }
  for (size_t i = 0; i < n; ++i) {
    batch.infos.push_back({keys[i], probabilities[i], sizes[i], priorities[i], times[i]});
  }
  for (size_t columns = in.count(10); columns > 0 && in.ok(); --columns) {
    SampleBatch::Column column;
    column.spec = read_spec(in);
    column.squeeze = in.number<uint8_t>() != 0;
    column.length = in.number<int64_t>();
    column.ends = in.numbers<uint64_t>();
    column.byte_ends = in.numbers<uint64_t>();
    column.bytes = opened.data(in.number<uint64_t>());
    if (in.ok() && !consistent(column, n)) in.fail();
    batch.columns.push_back(std::move(column));
  }
  return batch;
}

}  // namespace

wire::Payload encode(const WriteRequest& request) {
  Message message(true);
  ByteWriter out = message.out();
  out.number(request.session);
  out.number(request.base);
  out.number(request.first);
  out.number(static_cast<uint8_t>(request.last));
  out.numbers(std::span<const uint64_t>(request.awaited));
  out.numbers(std::span<const uint64_t>(request.released));
  out.number(static_cast<uint32_t>(request.chunks.size()));
  for (const ChunkRef& chunk : request.chunks) {
    write_chunk_head(out, *chunk);
    message.data(chunk->data(),
                 chunk->data().size() > kInlineBytes ? chunk->shared_data() : wire::Buffer());
  }
  LayoutTable layouts;
  std::map<std::string_view, uint32_t> tables;
  wire::Body table_bytes, item_bytes;
  ByteWriter table_out(table_bytes), item_out(item_bytes);
  for (const NamedItem& item : request.items) {
    const auto [table, new_table] = tables.try_emplace(item.table, tables.size());
    if (new_table) table_out.string(item.table);
    item_out.number(item.key);
    item_out.number(item.priority);
    item_out.number(table->second);
    item_out.number(layouts.number(item.layout));
    item_out.numbers(std::span<const uint64_t>(item.chunks));
  }
  out.number(static_cast<uint32_t>(tables.size()));
  out.raw(std::as_bytes(std::span(table_bytes)));
  layouts.write(out);
  out.number(static_cast<uint32_t>(request.items.size()));
  out.raw(std::as_bytes(std::span(item_bytes)));
  return std::move(message).finish();
}

Result<WriteRequest> decode_write(const wire::Payload& payload, LayoutCache& cache) {
  Opened opened(payload, true, nullptr);
  ByteReader& in = opened.in();
  WriteRequest request;
  request.session = in.number<uint64_t>();
  request.base = in.number<uint64_t>();
  request.first = in.number<uint64_t>();
  request.last = in.number<uint8_t>() != 0;
  request.awaited = in.numbers<uint64_t>();
  request.released = in.numbers<uint64_t>();
  for (size_t n = in.count(30); n > 0 && in.ok(); --n) {
    LP_TRY_ASSIGN(ChunkHead head, read_chunk_head(in, cache));
    const wire::Buffer data = opened.data(head.size);
    if (!in.ok()) break;
    LP_TRY_ASSIGN(ChunkRef chunk, make_chunk(std::move(head), data));
    request.chunks.push_back(std::move(chunk));
  }
  std::vector<std::string> tables;
  for (size_t n = in.count(4); n > 0 && in.ok(); --n) tables.emplace_back(in.string());
  LP_TRY_ASSIGN(const std::vector<LayoutRef> layouts, read_layouts(in, cache));
  for (size_t n = in.count(28); n > 0 && in.ok(); --n) {
    NamedItem item;
    item.key = in.number<uint64_t>();
    item.priority = in.number<double>();
    const auto table = in.number<uint32_t>();
    const auto layout = in.number<uint32_t>();
    item.chunks = in.numbers<uint64_t>();
    if (!in.ok() || table >= tables.size() || layout >= layouts.size()) return bad("a write");
    item.table = tables[table];
    item.layout = layouts[layout];
    request.items.push_back(std::move(item));
  }
  if (!in.ok() || request.first == 0 || request.base == 0) return bad("a write");
  // It would be answered twice: for its items, and for those that it awaits.
  if (!request.awaited.empty() && !request.items.empty()) return bad("a write");
  return request;
}

wire::Payload encode(const SampleCall& call) {
  Message message(true);
  ByteWriter out = message.out();
  out.string(call.table);
  out.number(call.max_count);
  out.number(call.min_count);
  out.number(call.timeout_ns);
  return std::move(message).finish();
}

Result<SampleCall> decode_sample(const wire::Payload& payload) {
  Opened opened(payload, true, nullptr);
  ByteReader& in = opened.in();
  SampleCall call;
  call.table = in.string();
  call.max_count = in.number<int64_t>();
  call.min_count = in.number<int64_t>();
  call.timeout_ns = in.number<int64_t>();
  if (!in.ok()) return bad("a sample");
  return call;
}

wire::Payload encode(std::span<const SampleBatch> batches) {
  Message message(false);
  ByteWriter out = message.out();
  out.number(static_cast<uint32_t>(batches.size()));
  for (const SampleBatch& batch : batches) {
    const auto column = [&](auto field) {
      using T = std::decay_t<decltype(batch.infos[0].*field)>;
      std::vector<T> values;
      values.reserve(batch.size());
      for (const SampleInfo& info : batch.infos) values.push_back(info.*field);
      out.numbers(std::span<const T>(values));
    };
    column(&SampleInfo::key);
    column(&SampleInfo::probability);
    column(&SampleInfo::table_size);
    column(&SampleInfo::priority);
    column(&SampleInfo::times_sampled);
    out.number(static_cast<uint32_t>(batch.columns.size()));
    for (const auto& each : batch.columns) write_column(message, each);
  }
  return std::move(message).finish();
}

Result<std::vector<SampleBatch>> decode_batches(wire::Payload payload) {
  const auto owner = std::make_shared<const wire::Payload>(std::move(payload));
  Opened opened(*owner, false, owner);
  std::vector<SampleBatch> batches;
  for (size_t n = opened.in().count(20); n > 0 && opened.ok(); --n) {
    batches.push_back(read_batch(opened));
  }
  if (!opened.ok()) return bad("an answer");
  return batches;
}

wire::Payload encode(const MutateCall& call) {
  Message message(true);
  ByteWriter out = message.out();
  out.string(call.table);
  out.numbers(std::span<const uint64_t>(call.keys));
  out.numbers(std::span<const double>(call.priorities));
  out.numbers(std::span<const uint64_t>(call.deletes));
  return std::move(message).finish();
}

Result<MutateCall> decode_mutate(const wire::Payload& payload) {
  Opened opened(payload, true, nullptr);
  ByteReader& in = opened.in();
  MutateCall call;
  call.table = in.string();
  call.keys = in.numbers<uint64_t>();
  call.priorities = in.numbers<double>();
  call.deletes = in.numbers<uint64_t>();
  if (!in.ok() || call.keys.size() != call.priorities.size()) return bad("a change of priorities");
  return call;
}

}  // namespace lp::replay
