#include "launchpad/replay/trajectory.h"

#include <new>

namespace lp::replay {
namespace {

Error bad(size_t column, const std::string& what) {
  return Error(Code::kInvalidArgument, "Error in column " + std::to_string(column) + ": " + what);
}

// Of the first slice, which says what the column holds.
const Spec& spec_of(const ColumnSlices& column, std::span<const ChunkRef> chunks) {
  const Slice& slice = column.slices.front();
  return chunks[slice.chunk]->spec(slice.column);
}

Status check_slice(size_t column, const Slice& slice, std::span<const ChunkRef> chunks) {
  if (slice.chunk >= chunks.size() || slice.column >= chunks[slice.chunk]->columns()) {
    return bad(column, "a slice of a chunk that is not there");
  }
  const int64_t rows = chunks[slice.chunk]->rows(slice.column);
  const int64_t last = slice.first + (int64_t{slice.count} - 1) * slice.step;
  if (slice.count == 0 || slice.first >= rows || last < 0 || last >= rows) {
    return bad(column, "a slice outside of its chunk");
  }
  return {};
}

Status check_column(size_t index, const ColumnSlices& column, std::span<const ChunkRef> chunks) {
  if (column.slices.empty()) return bad(index, "it has no steps");
  for (const Slice& slice : column.slices) {
    LP_TRY(check_slice(index, slice, chunks));
    const Spec& spec = chunks[slice.chunk]->spec(slice.column);
    const Spec& first = spec_of(column, chunks);
    if (spec.type != first.type) {
      return bad(index, "Column references tensors with different dtypes: " +
                            std::string(type_name(first.type)) +
                            " != " + std::string(type_name(spec.type)) + ".");
    }
    if (spec.shape != first.shape) {
      return bad(index, "Column references tensors with incompatible shapes: " +
                            shape_text(first.shape) + " and " + shape_text(spec.shape) + ".");
    }
  }
  if (column.squeeze && column.length() != 1) {
    return bad(index, "TrajectoryColumn must contain exactly one row when squeeze is set but got " +
                          std::to_string(column.length()) + ".");
  }
  return {};
}

uint64_t bytes_of(const ColumnSlices& column, std::span<const ChunkRef> chunks) {
  const auto row_bytes = spec_of(column, chunks).row_bytes();
  if (row_bytes) {
    const auto steps = static_cast<uint64_t>(column.length());
    const bool huge = *row_bytes > 0 && steps > kMaxTrajectoryBytes / *row_bytes;
    return huge ? UINT64_MAX : steps * *row_bytes;
  }
  uint64_t bytes = 0;
  for (const Slice& slice : column.slices) {
    bytes += chunks[slice.chunk]->string_bytes(slice.column, slice.first, slice.count, slice.step);
    if (bytes > kMaxTrajectoryBytes) break;
  }
  return bytes;
}

}  // namespace

int64_t ColumnSlices::length() const {
  int64_t steps = 0;
  for (const Slice& slice : slices) steps += slice.count;
  return steps;
}

Trajectory::Trajectory(LayoutRef layout, std::span<const ChunkRef> chunks)
    : count_(static_cast<uint32_t>(chunks.size())), layout_(std::move(layout)) {
  auto* target = const_cast<ChunkRef*>(first());
  for (size_t i = 0; i < chunks.size(); ++i) new (target + i) ChunkRef(chunks[i]);
}

Trajectory::~Trajectory() {
  for (uint32_t i = 0; i < count_; ++i) first()[i].~ChunkRef();
}

void Trajectory::destroy(const Trajectory* trajectory) {
  trajectory->~Trajectory();
  ::operator delete(const_cast<Trajectory*>(trajectory));
}

Result<TrajectoryRef> Trajectory::make(LayoutRef layout, std::span<const ChunkRef> chunks) {
  if (layout->columns.empty()) {
    return Error(Code::kInvalidArgument, "trajectory must not be empty.");
  }
  if (layout->columns.size() > kMaxColumns || chunks.size() > kMaxRows) {
    return Error(Code::kInvalidArgument, "a trajectory of too many columns or chunks");
  }
  uint64_t total = 0;
  for (size_t i = 0; i < layout->columns.size(); ++i) {
    const ColumnSlices& column = layout->columns[i];
    LP_TRY(check_column(i, column, chunks));
    const uint64_t bytes = bytes_of(column, chunks);
    if (bytes > kMaxTrajectoryBytes - total) return bad(i, "the trajectory is too large");
    total += bytes;
  }
  void* memory = ::operator new(sizeof(Trajectory) + chunks.size() * sizeof(ChunkRef));
  return TrajectoryRef(new (memory) Trajectory(std::move(layout), chunks));
}

const Spec& Trajectory::spec(size_t column) const {
  return spec_of(layout_->columns[column], chunks());
}

ColumnShape Trajectory::shape(size_t column) const {
  ColumnShape shape{spec(column).type, {}};
  if (!squeezed(column)) shape.shape.push_back(length(column));
  const Tensor::Shape& step = spec(column).shape;
  shape.shape.insert(shape.shape.end(), step.begin(), step.end());
  return shape;
}

bool Trajectory::same_specs(const Trajectory& other) const {
  if (columns() != other.columns()) return false;
  for (size_t i = 0; i < columns(); ++i) {
    if (squeezed(i) != other.squeezed(i)) return false;
    const Spec& a = spec(i);
    const Spec& b = other.spec(i);
    if (&a != &b && !(a == b)) return false;
  }
  return true;
}

Status Trajectory::read(size_t column, std::byte* out) const {
  const size_t row_bytes = spec(column).row_bytes().value_or(0);
  for (const Slice& slice : layout_->columns[column].slices) {
    LP_TRY(first()[slice.chunk]->read(slice.column, slice.first, slice.count, slice.step, out));
    out += slice.count * row_bytes;
  }
  return {};
}

Status Trajectory::read_strings(size_t column, std::string& out) const {
  for (const Slice& slice : layout_->columns[column].slices) {
    LP_TRY(first()[slice.chunk]->read_strings(slice.column, slice.first, slice.count, slice.step,
                                              out));
  }
  return {};
}

uint64_t Trajectory::step_bytes(size_t column) const {
  return bytes_of(layout_->columns[column], chunks());
}

size_t Trajectory::bytes() const { return sizeof(Trajectory) + count_ * sizeof(ChunkRef); }

}  // namespace lp::replay
