// The calls between replay's clients and a Store: their names, what they carry, and how that
// becomes a Payload and back. Small data travels in the body, large data as buffers beside it. What
// is read is not trusted. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/replay/encoding.h"
#include "launchpad/replay/sample.h"
#include "launchpad/wire/payload.h"

namespace lp::replay {

inline constexpr std::string_view kWriteCall = "replay_write";
inline constexpr std::string_view kInsertCall = "replay_insert";
inline constexpr std::string_view kSampleCall = "replay_sample";
inline constexpr std::string_view kMutateCall = "replay_mutate";
inline constexpr std::string_view kResetCall = "replay_reset";
inline constexpr std::string_view kInfoCall = "replay_info";
inline constexpr std::string_view kCheckpointCall = "replay_checkpoint";

// An item whose chunks are named by their keys. Without any, it only keeps its place in the order:
// it is known to be in its table.
struct NamedItem {
  std::string table{};
  uint64_t key = 0;
  double priority = 1.0;
  LayoutRef layout{};
  std::vector<uint64_t> chunks{};
};

// A writer's next items, and the chunks that they need and the server has not yet.
struct WriteRequest {
  uint64_t session = 0;
  uint64_t base = 1;   // The lowest number of an item that the writer does not know to be put in.
  uint64_t first = 1;  // The number of the first of `items`; the others follow.
  bool last = false;   // The writer ends.
  // Numbers of items that were given to their tables and waited there: the answer comes when one of
  // them waits no more. There are no `items` then.
  std::vector<uint64_t> awaited{};
  std::vector<uint64_t> released{};  // Chunks that no later item will use.
  std::vector<ChunkRef> chunks{};
  std::vector<NamedItem> items{};
};
// Answered with the numbers of those of its items (or of those awaited) that wait for their tables.
wire::Payload encode(const WriteRequest& request);
// INVALID_ARGUMENT: that is none.
Result<WriteRequest> decode_write(const wire::Payload& payload, LayoutCache& cache);

struct SampleCall {
  std::string table{};
  int64_t max_count = 1;
  int64_t min_count = 1;
  int64_t timeout_ns = -1;  // -1: none.
};
wire::Payload encode(const SampleCall& call);
Result<SampleCall> decode_sample(const wire::Payload& payload);

wire::Payload encode(std::span<const SampleBatch> batches);
// Batches that share the payload's memory.
Result<std::vector<SampleBatch>> decode_batches(wire::Payload payload);

struct MutateCall {
  std::string table{};
  std::vector<uint64_t> keys{};  // With the priorities, one each.
  std::vector<double> priorities{};
  std::vector<uint64_t> deletes{};
};
wire::Payload encode(const MutateCall& call);
Result<MutateCall> decode_mutate(const wire::Payload& payload);

}  // namespace lp::replay
