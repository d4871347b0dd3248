// StepBuffer is the part of a TrajectoryWriter that takes steps: it keeps each column's last ones,
// gathers them into chunks, and cuts items out of them. Pure, without I/O. Owned by a writer, used
// under its lock.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "launchpad/base/rng.h"
#include "launchpad/replay/trajectory_writer.h"

namespace lp::replay {

// A chunk of a writer's: open while steps are added, then sealed.
struct ChunkSlot {
  uint64_t key = 0;
  size_t group = 0;                         // Of columns.
  std::unique_ptr<ChunkBuilder> builder{};  // While open.
  ChunkRef chunk{};                         // Once sealed.
  bool sent = false;                        // The server has it.
  bool full = false;                        // No step will be added.
};
using SlotRef = std::shared_ptr<ChunkSlot>;

// An item that was cut out, with the chunks that it is made of.
struct CutItem {
  LayoutRef layout{};
  std::vector<SlotRef> slots{};
  std::vector<ColumnShape> shapes{};
};

class StepBuffer {
 public:
  // `options` were checked; they must outlive this.
  StepBuffer(const TrajectoryWriterOptions& options, uint64_t writer, base::Rng& rng);

  Status append(std::span<const Cell> cells, bool partial);
  Result<CutItem> cut(std::span<const TrajectoryColumn> columns);
  Result<ColumnData> read(std::span<const StepRef> refs) const;
  Status configure(size_t column, int64_t keep_alive, std::optional<int64_t> max_chunk_length);
  void begin_episode(bool clear_buffers);
  // Gives an open chunk its final form.
  Status seal(ChunkSlot& slot);

  size_t columns() const { return columns_.size(); }
  uint64_t length(size_t column) const;
  Result<StepRef> newest(size_t column, uint64_t back) const;
  bool expired(const StepRef& ref) const { return find(ref) == nullptr; }
  std::optional<Spec> spec(size_t column) const;
  uint64_t episode() const { return episode_; }
  int64_t episode_steps() const { return episode_steps_; }
  bool step_is_open() const { return step_is_open_; }

 private:
  // Where a step lies.
  struct Place {
    SlotRef slot;
    uint32_t column;  // Of its chunk.
    uint32_t row;
  };
  struct Column {
    std::optional<Spec> spec;
    std::deque<Place> places;  // The last ones.
    uint64_t dropped = 0;      // Steps before them.
    int64_t keep_alive = 1;
    size_t group = 0;
    bool set = false;                  // In the step that is open.
    std::optional<uint32_t> in_chunk;  // Its number in its group's open chunk.
  };
  // Columns whose steps share chunks.
  struct Group {
    std::optional<int64_t> max_chunk_length;
    int64_t keep_alive = 1;
    SlotRef open;
    Ref<const ChunkLayout> layout;  // Of the last chunk.
  };

  std::string name(size_t column) const;
  Column& at(size_t column);
  Status check(const Cell& cell) const;
  void put(const Cell& cell);
  bool is_full(const Group& group) const;
  void close_chunk(size_t group);
  const Place* find(const StepRef& ref) const;
  Status cut_column(size_t index, const TrajectoryColumn& column, CutItem& item,
                    ColumnSlices& slices) const;
  LayoutRef shared_layout(std::vector<ColumnSlices> columns);

  const TrajectoryWriterOptions& options_;
  const uint64_t writer_;
  base::Rng& rng_;
  std::vector<Column> columns_;
  std::vector<Group> groups_;
  std::unordered_map<size_t, LayoutRef> layouts_;  // By hash.
  uint64_t episode_ = 0;
  int64_t episode_steps_ = 0;
  bool step_is_open_ = false;
};

}  // namespace lp::replay
