#include "bindings/replay_writer.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "bindings/waiting.h"

namespace lp::bindings {
namespace {

// Beyond so many bytes others may run Python while a step is copied (and perhaps compressed).
constexpr size_t kBytesWithoutGil = 8 << 10;
constexpr size_t kMaxStructures = 8;
constexpr int kOnlyNone = -2;

}  // namespace

class PyWriter::Turn {
 public:
  explicit Turn(PyWriter& writer) : writer_(writer) {
    if (writer.busy_) throw std::runtime_error("a writer was used by two threads at the same time");
    writer.busy_ = true;
  }
  ~Turn() { writer_.busy_ = false; }

 private:
  PyWriter& writer_;
};

PyWriter::PyWriter(const PyReplayClient& client, replay::TrajectoryWriterOptions options,
                   const base::Deadline& deadline)
    : names_(std::make_shared<base::Guarded<std::vector<std::string>>>()),
      keep_(static_cast<size_t>(std::max<int64_t>(options.num_keep_alive_refs, 1))) {
  options.column_name = [names = names_](size_t column) {
    return names->with([&](const std::vector<std::string>& list) {
      return column < list.size() ? list[column] : std::to_string(column);
    });
  };
  Result<std::vector<replay::TableInfo>> tables = std::vector<replay::TableInfo>();
  if (options.validate_items) {
    const GilReleased released;
    tables = client.calls.info(deadline);
  }
  writer_ = take(client.streams.writer(std::move(options), take(std::move(tables))));
}

PyWriter::~PyWriter() {
  const GilReleased released;
  writer_.reset();
}

void PyWriter::add_structure(const Nest& nest, std::vector<int> columns,
                             std::vector<std::string> names) {
  if (structures_.size() == kMaxStructures) structures_.erase(structures_.begin());
  structures_.push_back({nest, std::move(columns)});
  set_names(std::move(names));
}

void PyWriter::set_names(std::vector<std::string> names) {
  add_columns(names.size());
  names_->with([&](std::vector<std::string>& list) { list = std::move(names); });
}

void PyWriter::add_columns(size_t count) {
  while (histories_.size() < count) histories_.push_back({std::vector<int64_t>(keep_, -1)});
}

void PyWriter::configure(size_t column, int64_t num_keep_alive_refs,
                         std::optional<int64_t> max_chunk) {
  take(writer_->configure(column, num_keep_alive_refs, max_chunk));
  const auto keep = static_cast<size_t>(num_keep_alive_refs);
  if (keep <= keep_) return;
  for (History& history : histories_) {
    std::vector<int64_t> ring(keep, -1);
    const uint64_t first = length_ > keep_ ? length_ - keep_ : 0;
    for (uint64_t step = first; step < length_; ++step)
      ring[step % keep] = history.ring[step % keep_];
    history.ring = std::move(ring);
  }
  keep_ = keep;
}

const std::vector<int>* PyWriter::find_leaves(nb::handle data) {
  found_.clear();
  for (const Structure& structure : structures_) {
    if (!structure.nest.flatten(data.ptr(), found_)) continue;
    if (none_where_it_must_be(structure.columns)) return &structure.columns;
    found_.clear();
  }
  return nullptr;
}

bool PyWriter::none_where_it_must_be(const std::vector<int>& columns) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == kOnlyNone && found_[i] != Py_None) return false;
  }
  return true;
}

bool PyWriter::append(nb::handle data, bool partial) {
  const Turn turn(*this);
  const std::vector<int>* columns = find_leaves(data);
  if (columns == nullptr) return false;
  leaves_.clear();
  for (size_t i = 0; i < found_.size(); ++i) {
    const int column = (*columns)[i];
    if (column < 0 || found_[i] == Py_None) continue;
    if (open_) check_not_set(static_cast<size_t>(column), found_[i]);
    leaves_.add(static_cast<size_t>(column), found_[i]);
  }
  append_cells(partial);
  return true;
}

void PyWriter::append_leaves(const std::vector<nb::object>& leaves, const std::vector<int>& columns,
                             bool partial) {
  const Turn turn(*this);
  leaves_.clear();
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (columns.at(i) < 0 || leaves[i].is_none()) continue;
    const auto column = static_cast<size_t>(columns[i]);
    add_columns(column + 1);
    if (open_) check_not_set(column, leaves[i]);
    leaves_.add(column, leaves[i].ptr());
  }
  append_cells(partial);
}

void PyWriter::append_cells(bool partial) {
  const auto cells = leaves_.cells();
  Status appended;
  if (leaves_.bytes() > kBytesWithoutGil) {
    const GilReleased released;
    appended = writer_->append(cells, partial);
  } else {
    appended = writer_->append(cells, partial);
  }
  if (appended.ok()) note(cells, partial);
  leaves_.clear();
  take(std::move(appended));
}

void PyWriter::note(std::span<const replay::Cell> cells, bool partial) {
  if (!open_) {
    for (History& history : histories_) history.ring[length_ % keep_] = -1;
    ++length_;
  }
  open_ = partial;
  for (const replay::Cell& cell : cells) {
    History& history = histories_[cell.column];
    history.ring[(length_ - 1) % keep_] = static_cast<int64_t>(history.values++);
  }
  if (id_ == 0 && !cells.empty()) {
    const auto newest = writer_->newest(cells.front().column);
    if (newest.ok()) id_ = newest.value().writer;
  }
}

bool PyWriter::is_set(size_t column) const {
  return open_ && column < histories_.size() && histories_[column].ring[(length_ - 1) % keep_] >= 0;
}

void PyWriter::check_not_set(size_t column, nb::handle value) const {
  if (!is_set(column)) return;
  const std::string name = names_->with([&](const std::vector<std::string>& list) {
    return column < list.size() ? list[column] : std::to_string(column);
  });
  const std::string text =
      "Field " + name +
      " has already been set in the active step by previous (partial) append call and thus must be "
      "omitted or set to None but got: " +
      nb::cast<std::string>(nb::str(value));
  throw nb::value_error(text.c_str());
}

std::optional<replay::StepRef> PyWriter::at(size_t column, int64_t step) const {
  const auto place = static_cast<uint64_t>(step);
  if (column >= histories_.size() || step < 0 || place >= length_ || place + keep_ < length_)
    return std::nullopt;
  const int64_t value = histories_[column].ring[place % keep_];
  if (value < 0) return std::nullopt;
  return replay::StepRef{id_, static_cast<uint64_t>(value), static_cast<uint32_t>(column)};
}

uint64_t PyWriter::create_item(const std::string& table, double priority,
                               std::span<const replay::TrajectoryColumn> columns) {
  return take(writer_->create_item(table, priority, columns));
}

std::vector<PyObject*> PyWriter::leaves_of(nb::handle trajectory, nb::object& owner) {
  std::vector<PyObject*> leaves;
  for (const Nest& nest : item_nests_) {
    if (nest.flatten(trajectory.ptr(), leaves)) return leaves;
  }
  std::optional<Nest> nest = Nest::of(trajectory.ptr());
  if (!nest) {
    // dm-tree's own kinds of mappings and sequences, which may make their leaves as they are asked.
    owner = nb::module_::import_("tree").attr("flatten")(trajectory);
    for (nb::handle leaf : owner) leaves.push_back(leaf.ptr());
    return leaves;
  }
  nest->flatten(trajectory.ptr(), leaves);
  if (item_nests_.size() == kMaxStructures) item_nests_.erase(item_nests_.begin());
  item_nests_.push_back(std::move(*nest));
  return leaves;
}

uint64_t PyWriter::create_item(const std::string& table, double priority, nb::handle trajectory) {
  static PyObject* const cells_name = PyUnicode_InternFromString("_cells");
  static PyObject* const squeeze_name = PyUnicode_InternFromString("is_squeezed");
  std::vector<replay::TrajectoryColumn> columns;
  nb::object owner;
  for (PyObject* leaf : leaves_of(trajectory, owner)) {
    const nb::object cells = nb::steal(PyObject_GetAttr(leaf, cells_name));
    const nb::object squeeze = nb::steal(PyObject_GetAttr(leaf, squeeze_name));
    if (!cells.is_valid() || !squeeze.is_valid() || !nb::isinstance<Cells>(cells)) {
      PyErr_Clear();
      PyErr_Format(PyExc_TypeError,
                   "All leaves of `trajectory` must be `TrajectoryColumn` but got %S",
                   trajectory.ptr());
      throw nb::python_error();
    }
    columns.push_back({nb::inst_ptr<Cells>(cells)->refs, squeeze.ptr() == Py_True});
  }
  return create_item(table, priority, columns);
}

Status PyWriter::flush_once(int64_t block_until_num_items, const base::Deadline& tick) {
  Status status = writer_->flush(block_until_num_items, tick);
  if (status.ok() || status.error().code != Code::kDeadlineExceeded) return status;
  if (auto stops = program_stops()) return *std::move(stops);
  return status;
}

bool PyWriter::flush(int64_t block_until_num_items, std::optional<double> timeout) {
  const Turn turn(*this);
  Status status;
  const bool done = wait_heeding_signals(to_deadline(timeout), [&](const base::Deadline& tick) {
    status = flush_once(block_until_num_items, tick);
    return status.ok() || status.error().code != Code::kDeadlineExceeded;
  });
  if (done) take(std::move(status));
  return done;
}

bool PyWriter::end_episode(bool clear, std::optional<double> timeout) {
  const Turn turn(*this);
  Status flushed;
  // Ctrl-C while it waits leaves the episode as it is.
  const bool done = wait_heeding_signals(to_deadline(timeout), [&](const base::Deadline& tick) {
    flushed = flush_once(0, tick);
    return flushed.ok() || flushed.error().code != Code::kDeadlineExceeded;
  });
  Status status;
  {
    const GilReleased released;
    status = writer_->end_episode(clear, base::Deadline::after(base::Nanos(0)));
  }
  if (clear) {
    length_ = 0;
    for (size_t column = 0; column < histories_.size(); ++column) {
      std::fill(histories_[column].ring.begin(), histories_[column].ring.end(), -1);
      histories_[column].values = writer_->length(column);
    }
  }
  open_ = false;
  if (!status.ok() && status.error().code != Code::kDeadlineExceeded) take(std::move(status));
  if (done) take(std::move(flushed));
  return done;
}

int64_t PyWriter::close() {
  const GilReleased released;
  return writer_->close();
}

bool Cells::expired() const {
  return std::any_of(refs.begin(), refs.end(),
                     [&](const replay::StepRef& ref) { return writer->core().expired(ref); });
}

}  // namespace lp::bindings
