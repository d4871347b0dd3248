// What a Python TrajectoryWriter is made of: the writer, the structure of its steps, and for each
// column which of the last steps have a value. One thread at a time, but for close(); with the GIL,
// which it drops to wait and to move much data.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bindings/replay_client.h"
#include "bindings/replay_nest.h"
#include "bindings/replay_values.h"
#include "launchpad/base/guarded.h"
#include "launchpad/replay/trajectory_writer.h"

namespace lp::bindings {

namespace nb = nanobind;

// How messages name the columns; the writer's threads read it.
using ColumnNames = std::shared_ptr<base::Guarded<std::vector<std::string>>>;

class PyWriter : public std::enable_shared_from_this<PyWriter> {
 public:
  PyWriter(const PyReplayClient& client, replay::TrajectoryWriterOptions options,
           const base::Deadline& deadline);
  ~PyWriter();

  // Leaf i of the structure is column columns[i]; -1: it is dropped; -2: it must be None, where
  // other steps may have a nest. Names are the columns'. Steps of several structures may alternate.
  void add_structure(const Nest& nest, std::vector<int> columns, std::vector<std::string> names);
  void set_names(std::vector<std::string> names);
  // False: `data` is of no structure that was added; nothing was done.
  bool append(nb::handle data, bool partial);
  // Leaf i is column columns[i].
  void append_leaves(const std::vector<nb::object>& leaves, const std::vector<int>& columns,
                     bool partial);
  // Columns up to `count` have a history from now on.
  void add_columns(size_t count);
  void configure(size_t column, int64_t num_keep_alive_refs, std::optional<int64_t> max_chunk);

  // Steps since the history was cleared, expired ones included.
  int64_t history_length() const { return static_cast<int64_t>(length_); }
  // The column's value in that step; none: there is none any more, or never was.
  std::optional<replay::StepRef> at(size_t column, int64_t step) const;
  bool step_is_open() const { return open_; }

  uint64_t create_item(const std::string& table, double priority,
                       std::span<const replay::TrajectoryColumn> columns);
  uint64_t create_item(const std::string& table, double priority, nb::handle trajectory);
  // False: the time is over.
  bool flush(int64_t block_until_num_items, std::optional<double> timeout);
  bool end_episode(bool clear, std::optional<double> timeout);
  int64_t close();

  replay::TrajectoryWriter& core() { return *writer_; }

 private:
  struct Structure {
    Nest nest;
    std::vector<int> columns;
  };
  struct History {
    std::vector<int64_t> ring{};  // By step modulo its size: the value's number, or -1.
    uint64_t values = 0;          // Appended so far.
  };

  // Refuses a second thread while one is in the core without the GIL.
  class Turn;

  // The columns of the leaves, which are now in found_; null: of no known structure.
  const std::vector<int>* find_leaves(nb::handle data);
  // Of the leaves in found_.
  bool none_where_it_must_be(const std::vector<int>& columns) const;
  void append_cells(bool partial);
  // DEADLINE_EXCEEDED at the tick, unless the program is being stopped. Without the GIL.
  Status flush_once(int64_t block_until_num_items, const base::Deadline& tick);
  void note(std::span<const replay::Cell> cells, bool partial);
  // Whether the open step has a value in the column.
  bool is_set(size_t column) const;
  void check_not_set(size_t column, nb::handle value) const;
  // Borrowed, of `trajectory` and `owner`.
  std::vector<PyObject*> leaves_of(nb::handle trajectory, nb::object& owner);

  std::unique_ptr<replay::TrajectoryWriter> writer_;
  ColumnNames names_;
  size_t keep_;
  uint64_t id_ = 0;
  std::vector<Structure> structures_;
  std::vector<History> histories_;
  std::vector<Nest> item_nests_;  // Of the trajectories so far.
  uint64_t length_ = 0;
  bool open_ = false;
  bool busy_ = false;
  // Scratch.
  Leaves leaves_;
  std::vector<PyObject*> found_;
};

// Steps of one column: what a TrajectoryColumn is made of.
struct Cells {
  size_t size() const { return refs.size(); }
  bool expired() const;

  std::shared_ptr<PyWriter> writer;
  std::vector<replay::StepRef> refs;
};

}  // namespace lp::bindings
