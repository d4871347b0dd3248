#include "launchpad/courier/stream_batch.h"

#include <algorithm>

#include "launchpad/wire/reader.h"
#include "launchpad/wire/writer.h"

namespace lp::courier {

wire::Payload encode_batch(const StreamBatch& batch) {
  wire::Payload payload;
  wire::Writer writer(payload);
  writer.begin_list(1 + 3 * batch.results.size());
  writer.boolean(batch.last);
  for (const wire::Payload& result : batch.results) {
    writer.integer(static_cast<int64_t>(result.encoding));
    writer.bytes(result.body);
    writer.unsigned_integer(result.buffers.size());
    payload.buffers.insert(payload.buffers.end(), result.buffers.begin(), result.buffers.end());
  }
  payload.sole = !batch.results.empty() &&
                 std::all_of(batch.results.begin(), batch.results.end(),
                             [](const wire::Payload& result) { return result.sole; });
  return payload;
}

Result<StreamBatch> decode_batch(const wire::Payload& payload) {
  const auto malformed = [] {
    return Error(Code::kInvalidArgument, "the results of a stream are malformed");
  };
  if (payload.encoding != wire::Encoding::kTyped) return malformed();
  wire::Reader reader(payload);
  const size_t values = reader.list();
  StreamBatch batch;
  batch.last = reader.boolean();
  if (!reader.ok() || values % 3 != 1) return malformed();
  size_t buffers_taken = 0;
  for (size_t i = 0; i < values / 3; ++i) {
    wire::Payload result;
    const int64_t encoding = reader.integer();
    result.body = reader.bytes();
    const uint64_t buffers = reader.unsigned_integer();
    if (!reader.ok() || encoding < 0 || encoding > static_cast<int64_t>(wire::Encoding::kPickle) ||
        buffers > payload.buffers.size() - buffers_taken)
      return malformed();
    result.encoding = static_cast<wire::Encoding>(encoding);
    const auto first = payload.buffers.begin() + static_cast<ptrdiff_t>(buffers_taken);
    result.buffers.assign(first, first + static_cast<ptrdiff_t>(buffers));
    buffers_taken += buffers;
    batch.results.push_back(std::move(result));
  }
  return batch;
}

}  // namespace lp::courier
