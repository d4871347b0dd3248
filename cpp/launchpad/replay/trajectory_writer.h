// TrajectoryWriter takes steps column by column and makes items of any of the last ones. Steps are
// gathered into chunks, which a thread of the writer's sends with the items that need them; after a
// break it connects again and goes on, and each item is put in exactly once. Owned by its user; one
// thread at a time, but for close(), which any thread may call.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/courier/channel.h"
#include "launchpad/replay/cell.h"
#include "launchpad/replay/chunk.h"
#include "launchpad/replay/sample.h"

namespace lp::replay {

struct TrajectoryWriterOptions {
  // How many of a column's last steps can be used in items. At least 1.
  int64_t num_keep_alive_refs = 1;
  // Steps of a chunk at most; none: chosen, from the steps' size and how fast they come.
  std::optional<int64_t> max_chunk_length{};
  // Items are checked against their table's signature and selectors when they are made.
  bool validate_items = true;
  ChunkOptions chunk{};
  // An item that waits for its chunk to fill is sent after so long with a shorter chunk.
  base::Nanos linger{10'000'000};
  // Break after break, it tries again for so long; then the writer fails with UNAVAILABLE. None:
  // for ever.
  std::optional<base::Nanos> retry_for{};
  // Its items' keys are `key_is` modulo `key_modulus`: by that a sharded table finds them.
  uint64_t key_modulus = 1;
  uint64_t key_is = 0;
  // How messages name a column; none: its number.
  std::function<std::string(size_t)> column_name{};
};

// A step of a column of one writer.
struct StepRef {
  uint64_t writer = 0;
  uint64_t index = 0;  // How many steps the column had before.
  uint32_t column = 0;
  bool operator==(const StepRef&) const = default;
};

// One column of an item that is made.
struct TrajectoryColumn {
  std::vector<StepRef> refs{};
  bool squeeze = false;
};

class WriterCore;

class TrajectoryWriter {
 public:
  // INVALID_ARGUMENT: bad options. `signatures`: by table; only if validate_items.
  static Result<std::unique_ptr<TrajectoryWriter>> make(std::shared_ptr<courier::Channel> channel,
                                                        TrajectoryWriterOptions options,
                                                        std::vector<TableInfo> tables);
  // Closes; what was not flushed may be lost, and is warned of.
  ~TrajectoryWriter();

  // One step, or a part of one (`partial`): other columns follow in later calls, the last of which
  // is not partial. Columns that are left out have no value in this step. A column's type and shape
  // are those of its first value. INVALID_ARGUMENT: they differ; a column twice in a step; a value
  // that is not well formed. Nothing was appended then.
  Status append(std::span<const Cell> cells, bool partial = false);

  // Steps appended to a column so far; 0 for one that is not known.
  uint64_t length(size_t column) const;
  size_t columns() const;
  // The newest step, or `back` steps before it. OUT_OF_RANGE: there is none, or it has expired.
  Result<StepRef> newest(size_t column, uint64_t back = 0) const;
  bool expired(const StepRef& ref) const;
  std::optional<Spec> spec(size_t column) const;
  // The steps' values, [refs, ...]. FAILED_PRECONDITION: one has expired.
  // INVALID_ARGUMENT: none is given, they are of different types.
  Result<ColumnData> read(std::span<const StepRef> refs) const;

  // Queues an item; never waits. Gives its key. INVALID_ARGUMENT: no column, an empty one, expired
  // steps, steps of different types, a squeezed column that is not one step, NaN as priority; with
  // validate_items also if there is no such table, a priority that its selectors refuse, or what
  // its signature does not allow.
  Result<uint64_t> create_item(std::string_view table, double priority,
                               std::span<const TrajectoryColumn> columns);

  // Waits until at most `block_until_num_items` items are not yet in their tables; the chunks of
  // those before them are sent as they are. DEADLINE_EXCEEDED: they will arrive later. UNAVAILABLE:
  // the server was stopped, and none is there; the next one gets them, for which a later flush may
  // wait. Otherwise,
  // what has gone wrong for good: a server that refused an item (NOT_FOUND, INVALID_ARGUMENT), or
  // CANCELLED after close(). INVALID_ARGUMENT: below 0.
  Status flush(int64_t block_until_num_items = 0, const base::Deadline& deadline = {});
  // Flushes and begins a new episode: no chunk has steps of two. `clear_buffers`: the steps so far
  // cannot be used any more. The episode begins even if the flush fails.
  Status end_episode(bool clear_buffers = true, const base::Deadline& deadline = {});

  // For one column, before it has unsealed steps (FAILED_PRECONDITION: flush first). Its steps then
  // make chunks of their own.
  Status configure(size_t column, int64_t num_keep_alive_refs,
                   std::optional<int64_t> max_chunk_length);

  uint64_t episode() const;
  int64_t episode_steps() const;  // Complete ones.
  bool step_is_open() const;      // After a partial append.
  int64_t pending_items() const;  // Not known to be in their tables.

  // Gives up on what is not sent, and wakes a waiting flush (CANCELLED). Idempotent; any thread.
  // Gives the number of items that were dropped.
  int64_t close();

 private:
  explicit TrajectoryWriter(std::shared_ptr<WriterCore> core);
  std::shared_ptr<WriterCore> core_;
};

}  // namespace lp::replay
