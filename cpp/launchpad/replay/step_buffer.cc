#include "launchpad/replay/step_buffer.h"

#include <algorithm>

namespace lp::replay {
namespace {

constexpr size_t kMaxLayouts = 1024;

Error invalid(const std::string& what) { return Error(Code::kInvalidArgument, what); }
Error in_column(size_t column, const std::string& what) {
  return invalid("Error in column " + std::to_string(column) + ": " + what);
}

size_t hash_of(const std::vector<ColumnSlices>& columns) {
  size_t hash = columns.size();
  const auto mix = [&](uint64_t value) { hash = (hash ^ value) * 0x9e3779b97f4a7c15U; };
  for (const ColumnSlices& column : columns) {
    mix(column.squeeze);
    for (const Slice& slice : column.slices) {
      mix(uint64_t{slice.chunk} << 32 | slice.column);
      mix(uint64_t{slice.first} << 32 | slice.count);
      mix(static_cast<uint32_t>(slice.step));
    }
  }
  return hash;
}

// One more row: behind the last slice, if it goes on like that, else a slice of its own.
void add_row(std::vector<Slice>& slices, uint32_t chunk, uint32_t column, uint32_t row) {
  if (!slices.empty()) {
    Slice& last = slices.back();
    if (last.chunk == chunk && last.column == column) {
      if (last.count == 1) last.step = static_cast<int32_t>(row) - static_cast<int32_t>(last.first);
      if (last.first + int64_t{last.count} * last.step == row) {
        ++last.count;
        return;
      }
    }
  }
  slices.push_back({chunk, column, row, 1, 1});
}

Error too_many_columns() {
  return invalid("too many columns: there can be at most " + std::to_string(kMaxColumns));
}

}  // namespace

StepBuffer::StepBuffer(const TrajectoryWriterOptions& options, uint64_t writer, base::Rng& rng)
    : options_(options), writer_(writer), rng_(rng), episode_(rng()) {
  groups_.push_back({options.max_chunk_length, options.num_keep_alive_refs, nullptr, nullptr});
}

std::string StepBuffer::name(size_t column) const {
  return options_.column_name ? options_.column_name(column) : std::to_string(column);
}

StepBuffer::Column& StepBuffer::at(size_t column) {
  while (column >= columns_.size()) {
    columns_.emplace_back();
    columns_.back().keep_alive = options_.num_keep_alive_refs;
  }
  return columns_[column];
}

uint64_t StepBuffer::length(size_t column) const {
  if (column >= columns_.size()) return 0;
  return columns_[column].dropped + columns_[column].places.size();
}

std::optional<Spec> StepBuffer::spec(size_t column) const {
  return column < columns_.size() ? columns_[column].spec : std::nullopt;
}

// ---- Steps.

Status StepBuffer::check(const Cell& cell) const {
  if (cell.column >= kMaxColumns) return too_many_columns();
  const Spec spec{cell.type, Tensor::Shape(cell.shape.begin(), cell.shape.end())};
  if (cell.column < columns_.size()) {
    const Column& column = columns_[cell.column];
    if (column.set) {
      return invalid("Field " + name(cell.column) +
                     " has already been set in the active step by previous (partial) append call "
                     "and thus must be omitted or set to None.");
    }
    if (column.spec && column.spec->type != spec.type) {
      return invalid("Tensor of wrong dtype provided for column " + name(cell.column) + ". Got " +
                     std::string(type_name(spec.type)) + " but expected " +
                     std::string(type_name(column.spec->type)) + ".");
    }
    if (column.spec && column.spec->shape != spec.shape) {
      return invalid("Tensor of incompatible shape provided for column " + name(cell.column) +
                     ". Got " + shape_text(spec.shape) + " which is incompatible with " +
                     shape_text(column.spec->shape) + ".");
    }
  }
  LP_TRY(check_spec(spec));
  return check_row(spec, cell.bytes);
}

Status StepBuffer::append(std::span<const Cell> cells, bool partial) {
  for (size_t i = 0; i < cells.size(); ++i) {
    LP_TRY(check(cells[i]));
    for (size_t j = 0; j < i; ++j) {
      if (cells[j].column == cells[i].column) {
        return invalid("column " + name(cells[i].column) + " is given twice in one step");
      }
    }
  }
  for (const Cell& cell : cells) put(cell);
  step_is_open_ = partial;
  if (partial) return {};
  ++episode_steps_;
  for (Column& column : columns_) column.set = false;
  for (size_t group = 0; group < groups_.size(); ++group) {
    if (is_full(groups_[group])) close_chunk(group);
  }
  return {};
}

void StepBuffer::put(const Cell& cell) {
  Column& column = at(cell.column);
  if (!column.spec) {
    column.spec = Spec{cell.type, Tensor::Shape(cell.shape.begin(), cell.shape.end())};
  }
  Group& group = groups_[column.group];
  if (group.open && group.open->builder == nullptr) close_chunk(column.group);
  if (!group.open) {
    group.open = std::make_shared<ChunkSlot>();
    group.open->key = rng_();
    group.open->group = column.group;
    group.open->builder = std::make_unique<ChunkBuilder>(group.open->key, episode_, options_.chunk);
  }
  ChunkBuilder& builder = *group.open->builder;
  if (!column.in_chunk) column.in_chunk = static_cast<uint32_t>(builder.columns());
  const uint32_t row = builder.append(*column.in_chunk, *column.spec, cell.bytes);
  column.places.push_back({group.open, *column.in_chunk, row});
  column.set = true;
  while (static_cast<int64_t>(column.places.size()) > column.keep_alive) {
    column.places.pop_front();
    ++column.dropped;
  }
}

// Chosen by the library, a chunk is as long as an item can be, but for large steps.
bool StepBuffer::is_full(const Group& group) const {
  if (!group.open || group.open->builder == nullptr) return false;
  const ChunkBuilder& builder = *group.open->builder;
  const int64_t rows = builder.max_rows();
  if (group.max_chunk_length) return rows >= *group.max_chunk_length;
  return rows >= group.keep_alive || builder.raw_bytes() >= kGroupBytes;
}

// Later steps go to another chunk. It is sealed when an item needs it.
void StepBuffer::close_chunk(size_t group) {
  if (groups_[group].open) groups_[group].open->full = true;
  groups_[group].open = nullptr;
  for (Column& column : columns_) {
    if (column.group == group) column.in_chunk.reset();
  }
}

Status StepBuffer::seal(ChunkSlot& slot) {
  if (slot.builder == nullptr) return {};
  slot.full = true;
  // Consecutive chunks of a group have the same columns, mostly.
  auto& layout = groups_[slot.group].layout;
  auto built = std::move(*slot.builder).build(layout);
  slot.builder = nullptr;
  if (!built.ok()) return built.error();
  slot.chunk = std::move(built).value();
  layout = slot.chunk->layout();
  return {};
}

void StepBuffer::begin_episode(bool clear_buffers) {
  for (size_t group = 0; group < groups_.size(); ++group) close_chunk(group);
  for (Column& column : columns_) {
    column.set = false;
    if (!clear_buffers) continue;
    column.dropped += column.places.size();
    column.places.clear();
  }
  episode_ = rng_();
  episode_steps_ = 0;
  step_is_open_ = false;
}

Status StepBuffer::configure(size_t column, int64_t keep_alive,
                             std::optional<int64_t> max_chunk_length) {
  if (column >= kMaxColumns) return too_many_columns();
  if (keep_alive < 1) {
    return invalid("num_keep_alive_refs (" + std::to_string(keep_alive) +
                   ") must be a positive integer");
  }
  if (max_chunk_length && (*max_chunk_length < 1 || *max_chunk_length > keep_alive)) {
    return invalid("max_chunk_length (" + std::to_string(*max_chunk_length) +
                   ") must be a positive integer and <= num_keep_alive_refs (" +
                   std::to_string(keep_alive) + ")");
  }
  Column& target = at(column);
  const SlotRef& open = groups_[target.group].open;
  if (open && open->builder && target.in_chunk) {
    return Error(Code::kFailedPrecondition, "Flush must be called before ApplyConfig.");
  }
  target.keep_alive = keep_alive;
  target.group = groups_.size();
  target.in_chunk.reset();
  groups_.push_back({max_chunk_length, keep_alive, nullptr, nullptr});
  return {};
}

// ---- References.

const StepBuffer::Place* StepBuffer::find(const StepRef& ref) const {
  if (ref.writer != writer_ || ref.column >= columns_.size()) return nullptr;
  const Column& column = columns_[ref.column];
  if (ref.index < column.dropped || ref.index - column.dropped >= column.places.size()) {
    return nullptr;
  }
  return &column.places[ref.index - column.dropped];
}

Result<StepRef> StepBuffer::newest(size_t column, uint64_t back) const {
  if (column >= columns_.size() || back >= columns_[column].places.size()) {
    return Error(Code::kOutOfRange, "column " + name(column) + " has no such step any more");
  }
  return StepRef{writer_, length(column) - 1 - back, static_cast<uint32_t>(column)};
}

Result<ColumnData> StepBuffer::read(std::span<const StepRef> refs) const {
  if (refs.empty()) return invalid("no steps to read");
  std::string bytes;
  Spec spec;
  for (const StepRef& ref : refs) {
    const Place* place = find(ref);
    if (place == nullptr) {
      return Error(Code::kFailedPrecondition,
                   "Cannot access the value of a step that has expired; use a larger "
                   "num_keep_alive_refs.");
    }
    const Spec& own = *columns_[ref.column].spec;
    if (&ref == &refs.front()) spec = own;
    if (!(own == spec)) return invalid("the steps are of different types or shapes");
    const ChunkSlot& slot = *place->slot;
    if (slot.builder) {
      const auto row = slot.builder->row(place->column, place->row);
      bytes.append(reinterpret_cast<const char*>(row.data()), row.size());
    } else if (!own.type) {
      LP_TRY(slot.chunk->read_strings(place->column, place->row, 1, 1, bytes));
    } else {
      const size_t before = bytes.size();
      bytes.resize(before + *own.row_bytes());
      LP_TRY(slot.chunk->read(place->column, place->row, 1, 1,
                              reinterpret_cast<std::byte*>(bytes.data() + before)));
    }
  }
  ColumnData data{spec.type, {static_cast<int64_t>(refs.size())}, {}};
  data.shape.insert(data.shape.end(), spec.shape.begin(), spec.shape.end());
  data.bytes = wire::Buffer::allocate(bytes.size());
  std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(),
              data.bytes.mutable_data());
  return data;
}

// ---- Items.

Status StepBuffer::cut_column(size_t index, const TrajectoryColumn& column, CutItem& item,
                              ColumnSlices& slices) const {
  if (column.refs.empty()) return in_column(index, "it has no steps");
  if (column.squeeze && column.refs.size() != 1) {
    return in_column(index,
                     "TrajectoryColumn must contain exactly one row when squeeze is set but got " +
                         std::to_string(column.refs.size()) + ".");
  }
  const Spec* first = nullptr;
  for (size_t i = 0; i < column.refs.size(); ++i) {
    const Place* place = find(column.refs[i]);
    if (place == nullptr) return in_column(index, "Column contains expired CellRef.");
    const Spec& spec = *columns_[column.refs[i].column].spec;
    if (first == nullptr) first = &spec;
    if (spec.type != first->type) {
      return in_column(index, "Column references tensors with different dtypes: " +
                                  std::string(type_name(first->type)) +
                                  " (index 0) != " + std::string(type_name(spec.type)) +
                                  " (index " + std::to_string(i) + ").");
    }
    if (spec.shape != first->shape) {
      return in_column(index, "Column references tensors with incompatible shapes: " +
                                  shape_text(first->shape) + " (index 0) not compatible with " +
                                  shape_text(spec.shape) + " (index " + std::to_string(i) + ").");
    }
    auto slot = std::find(item.slots.begin(), item.slots.end(), place->slot);
    if (slot == item.slots.end()) slot = item.slots.insert(slot, place->slot);
    add_row(slices.slices, static_cast<uint32_t>(slot - item.slots.begin()), place->column,
            place->row);
  }
  slices.squeeze = column.squeeze;
  ColumnShape shape{first->type, {}};
  if (!column.squeeze) shape.shape.push_back(static_cast<int64_t>(column.refs.size()));
  shape.shape.insert(shape.shape.end(), first->shape.begin(), first->shape.end());
  item.shapes.push_back(std::move(shape));
  return {};
}

Result<CutItem> StepBuffer::cut(std::span<const TrajectoryColumn> columns) {
  if (columns.empty()) return invalid("trajectory must not be empty.");
  CutItem item;
  std::vector<ColumnSlices> slices(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    LP_TRY(cut_column(i, columns[i], item, slices[i]));
  }
  item.layout = shared_layout(std::move(slices));
  return item;
}

LayoutRef StepBuffer::shared_layout(std::vector<ColumnSlices> columns) {
  if (layouts_.size() >= kMaxLayouts) layouts_.clear();
  LayoutRef& layout = layouts_[hash_of(columns)];
  if (!layout || layout->columns != columns) layout = make_ref<const Layout>(std::move(columns));
  return layout;
}

}  // namespace lp::replay
