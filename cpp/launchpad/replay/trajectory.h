// Trajectory is what an item holds: for each column a list of slices of shared chunks. Its shape
// (Layout) is shared by all trajectories that are cut the same way, so an item costs a pointer for
// each chunk. Immutable; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "launchpad/replay/chunk.h"

namespace lp::replay {

inline constexpr uint64_t kMaxTrajectoryBytes = uint64_t{1} << 33;  // Of all its steps.

// Rows first, first + step, ... (`count` of them) of one column of one chunk.
struct Slice {
  uint32_t chunk = 0;   // Index into the trajectory's chunks.
  uint32_t column = 0;  // Of that chunk.
  uint32_t first = 0;
  uint32_t count = 0;
  int32_t step = 1;  // May be negative or 0 (a row again and again).
  bool operator==(const Slice&) const = default;
};

struct ColumnSlices {
  std::vector<Slice> slices{};
  bool squeeze = false;  // One step, given without its time dimension.

  int64_t length() const;  // Steps.
  bool operator==(const ColumnSlices&) const = default;
};

struct Layout final : Counted {
  explicit Layout(std::vector<ColumnSlices> given) : columns(std::move(given)) {}
  const std::vector<ColumnSlices> columns;
};
using LayoutRef = Ref<const Layout>;

class Trajectory;
using TrajectoryRef = Ref<const Trajectory>;

class Trajectory final : public Counted {
 public:
  // Checks all of it. INVALID_ARGUMENT: no column, an empty column, a slice outside its chunk, a
  // column of different types or shapes, a squeezed column of more or less than one step.
  static Result<TrajectoryRef> make(LayoutRef layout, std::span<const ChunkRef> chunks);

  const LayoutRef& layout() const { return layout_; }
  std::span<const ChunkRef> chunks() const { return {first(), count_}; }
  size_t columns() const { return layout_->columns.size(); }
  // Of a step of the column.
  const Spec& spec(size_t column) const;
  int64_t length(size_t column) const { return layout_->columns[column].length(); }
  bool squeezed(size_t column) const { return layout_->columns[column].squeeze; }
  // Bytes of its steps: what `read` and `read_strings` write.
  uint64_t step_bytes(size_t column) const;
  // As a signature sees it.
  ColumnShape shape(size_t column) const;
  // Whether a column has the same elements in both, so that they can lie in one array.
  bool same_specs(const Trajectory& other) const;

  // Writes the column's rows one after the other; `out` has room for length() x row_bytes.
  Status read(size_t column, std::byte* out) const;
  // A column of strings, appended to `out`.
  Status read_strings(size_t column, std::string& out) const;

  // Its own memory, in bytes, without its chunks.
  size_t bytes() const;

  static void destroy(const Trajectory* trajectory);

 private:
  Trajectory(LayoutRef layout, std::span<const ChunkRef> chunks);
  ~Trajectory();

  // The chunks lie behind the object.
  const ChunkRef* first() const { return reinterpret_cast<const ChunkRef*>(this + 1); }

  uint32_t count_;
  LayoutRef layout_;
};

// One element of a table, as it is inserted.
struct Item {
  uint64_t key = 0;  // Chosen by whoever inserts it; unique in its table.
  double priority = 1.0;
  TrajectoryRef trajectory{};
  int32_t times_sampled = 0;
};

}  // namespace lp::replay
