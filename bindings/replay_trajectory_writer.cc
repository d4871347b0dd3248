// TrajectoryWriter and its cells, for reverb.trajectory_writer and the other writers.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bindings/module.h"
#include "bindings/replay_writer.h"
#include "bindings/waiting.h"

namespace lp::bindings {
namespace {

// The columns of the items that a pattern makes, as steps before the end of the history.
struct ItemPattern {
  struct Column {
    size_t source = 0;
    std::vector<int64_t> offsets;
    bool squeeze = false;
  };
  std::vector<Column> columns;
};
using PatternTuples = std::vector<std::tuple<size_t, std::vector<int64_t>, bool>>;

// None: a step has no value in a column that the pattern wants.
std::optional<std::vector<replay::TrajectoryColumn>> columns_of(const PyWriter& writer,
                                                                const ItemPattern& pattern) {
  std::vector<replay::TrajectoryColumn> columns;
  columns.reserve(pattern.columns.size());
  for (const ItemPattern::Column& column : pattern.columns) {
    replay::TrajectoryColumn& made = columns.emplace_back();
    made.squeeze = column.squeeze;
    for (int64_t offset : column.offsets) {
      const auto ref = writer.at(column.source, writer.history_length() + offset);
      if (!ref) return std::nullopt;
      made.refs.push_back(*ref);
    }
  }
  return columns;
}

nb::object read_squeezed(const PyWriter& writer, std::span<const replay::StepRef> refs,
                         bool squeeze) {
  replay::ColumnData data = take(const_cast<PyWriter&>(writer).core().read(refs));
  if (squeeze) data.shape.erase(data.shape.begin());
  return array_of(data);
}

// One past an index's place in a history of `length` steps, counted from either end; raises.
int64_t place_of(PyObject* index, int64_t length) {
  Py_ssize_t number = PyNumber_AsSsize_t(index, PyExc_IndexError);
  if (number == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
  if (number < 0) number += length;
  if (number < 0 || number >= length) throw nb::index_error("list index out of range");
  return number;
}

// The places that a key (int, slice, list of ints) selects; the flag: it was an int.
std::pair<std::vector<int64_t>, bool> places_of(nb::handle key, int64_t length) {
  std::vector<int64_t> places;
  if (PySlice_Check(key.ptr())) {
    Py_ssize_t start = 0, stop = 0, step = 0;
    if (PySlice_Unpack(key.ptr(), &start, &stop, &step) != 0) throw nb::python_error();
    const Py_ssize_t count = PySlice_AdjustIndices(length, &start, &stop, step);
    for (Py_ssize_t i = 0; i < count; ++i) places.push_back(start + i * step);
    return {places, false};
  }
  if (PyIndex_Check(key.ptr())) return {{place_of(key.ptr(), length)}, true};
  if (!PyList_Check(key.ptr())) {
    PyErr_Format(PyExc_TypeError, "indices must be integers, slices or lists of integers, not %S",
                 reinterpret_cast<PyObject*>(Py_TYPE(key.ptr())));
    throw nb::python_error();
  }
  for (nb::handle index : nb::borrow<nb::list>(key))
    places.push_back(place_of(index.ptr(), length));
  return {places, false};
}

std::shared_ptr<Cells> cells_of(const std::shared_ptr<PyWriter>& writer,
                                std::vector<replay::StepRef> refs) {
  return std::make_shared<Cells>(Cells{writer, std::move(refs)});
}

// (cells, was it an int?, the values that are missing); no cells if some are missing.
nb::tuple select(const std::shared_ptr<PyWriter>& writer, size_t column, nb::handle key) {
  const auto [places, single] = places_of(key, writer->history_length());
  std::vector<replay::StepRef> refs;
  refs.reserve(places.size());
  for (int64_t place : places) {
    if (const auto ref = writer->at(column, place)) refs.push_back(*ref);
  }
  if (refs.size() != places.size()) return nb::make_tuple(nb::none(), single);
  return nb::make_tuple(cells_of(writer, std::move(refs)), single);
}

Tensor::Shape shape_of(const Cells& cells) {
  const auto spec =
      cells.refs.empty() ? std::nullopt : cells.writer->core().spec(cells.refs.front().column);
  if (!spec) throw std::runtime_error("the column has no steps");
  return spec->shape;
}

std::shared_ptr<PyWriter> make_writer(const PyReplayClient& client, int64_t num_keep_alive_refs,
                                      bool validate_items, std::optional<int64_t> chunk_length,
                                      bool delta, std::optional<double> timeout) {
  replay::TrajectoryWriterOptions options;
  options.num_keep_alive_refs = num_keep_alive_refs;
  options.max_chunk_length = chunk_length;
  options.validate_items = validate_items;
  options.chunk.delta = delta;
  return std::make_shared<PyWriter>(client, std::move(options), to_deadline(timeout));
}

void bind_cells(nb::module_& m) {
  nb::class_<Cells>(m, "ReplayCells", "Values of one column of a writer, in some of its steps.")
      .def("__len__", &Cells::size)
      .def_prop_ro("expired", &Cells::expired, "Whether any cannot be used any more.")
      .def_prop_ro(
          "shape", [](const Cells& self) { return nb::tuple(nb::cast(shape_of(self))); },
          "Of one step.")
      .def_prop_ro(
          "dtype",
          [](const Cells& self) {
            shape_of(self);  // Raises, if there is none.
            return dtype_object_of(self.writer->core().spec(self.refs.front().column)->type);
          })
      .def(
          "select",
          [](const Cells& self, nb::handle key) {
            const auto [places, single] = places_of(key, static_cast<int64_t>(self.size()));
            std::vector<replay::StepRef> refs;
            for (int64_t place : places) refs.push_back(self.refs[static_cast<size_t>(place)]);
            return nb::make_tuple(cells_of(self.writer, std::move(refs)), single);
          },
          nb::arg("key"), "As a list: (cells, whether the key was an int).")
      .def(
          "numpy",
          [](const Cells& self, bool squeeze) {
            return read_squeezed(*self.writer, self.refs, squeeze);
          },
          nb::arg("squeeze") = true, "The values, [steps, ...]; squeezed: of the only one.")
      .def_static(
          "joined",
          [](const std::vector<std::shared_ptr<Cells>>& parts) {
            std::vector<replay::StepRef> refs;
            for (const auto& part : parts)
              refs.insert(refs.end(), part->refs.begin(), part->refs.end());
            return cells_of(parts.at(0)->writer, std::move(refs));
          },
          nb::arg("parts"));
}

void bind_pattern(nb::module_& m) {
  nb::class_<ItemPattern>(m, "ReplayPattern", "Which steps make an item, counted from the newest.")
      .def(
          "__init__",
          [](ItemPattern* self, const PatternTuples& columns) {
            new (self) ItemPattern();
            for (const auto& [source, offsets, squeeze] : columns)
              self->columns.push_back({source, offsets, squeeze});
          },
          nb::arg("columns"));
}

}  // namespace

void bind_replay_writer(nb::module_& m) {
  bind_cells(m);
  bind_pattern(m);
  nb::class_<PyWriter>(m, "ReplayWriter", "Steps, column by column, and items of them.",
                       nb::is_weak_referenceable())
      .def(nb::new_(&make_writer), nb::arg("client"), nb::arg("num_keep_alive_refs"),
           nb::arg("validate_items"), nb::arg("chunk_length") = nb::none(),
           nb::arg("delta") = false, nb::arg("timeout") = nb::none())
      .def("add_structure", &PyWriter::add_structure, nb::arg("nest"), nb::arg("columns"),
           nb::arg("names"))
      .def("set_names", &PyWriter::set_names, nb::arg("names"))
      .def("append", &PyWriter::append, nb::arg("data").none(), nb::arg("partial"),
           "False: another structure; nothing was done.")
      .def("append_leaves", &PyWriter::append_leaves, nb::arg("leaves"), nb::arg("columns"),
           nb::arg("partial"))
      .def("configure", &PyWriter::configure, nb::arg("column"), nb::arg("num_keep_alive_refs"),
           nb::arg("max_chunk_length").none())
      .def_prop_ro("history_length", &PyWriter::history_length)
      .def(
          "select",
          [](const std::shared_ptr<PyWriter>& self, size_t column, nb::handle key) {
            return select(self, column, key);
          },
          nb::arg("column"), nb::arg("key"),
          "(cells, whether the key was an int); no cells: some steps have no value.")
      .def(
          "create_item",
          [](PyWriter& self, const std::string& table, double priority, nb::handle trajectory) {
            return self.create_item(table, priority, trajectory);
          },
          nb::arg("table"), nb::arg("priority"), nb::arg("trajectory").none())
      .def(
          "create_pattern_item",
          [](PyWriter& self, const std::string& table, double priority,
             const ItemPattern& pattern) {
            const auto columns = columns_of(self, pattern);
            if (columns) self.create_item(table, priority, *columns);
            return columns.has_value();
          },
          nb::arg("table"), nb::arg("priority"), nb::arg("pattern"),
          "False: a step has no value; no item was made.")
      .def(
          "pattern_values",
          [](const PyWriter& self, const ItemPattern& pattern, size_t column) -> nb::object {
            const auto columns = columns_of(self, pattern);
            if (!columns) return nb::none();
            return read_squeezed(self, columns->at(column).refs, false);
          },
          nb::arg("pattern"), nb::arg("column"), "None: a step has no value.")
      .def(
          "newest",
          [](const PyWriter& self, size_t column) -> nb::object {
            const auto ref = self.at(column, self.history_length() - 1);
            return ref ? read_squeezed(self, {&*ref, 1}, true) : nb::none();
          },
          nb::arg("column"))
      .def("flush", &PyWriter::flush, nb::arg("block_until_num_items"), nb::arg("timeout").none(),
           "False: the time (seconds) is over.")
      .def("end_episode", &PyWriter::end_episode, nb::arg("clear_buffers"),
           nb::arg("timeout").none(),
           "False: the time is over; the episode has ended all the same.")
      .def("close", &PyWriter::close, "The number of items that were dropped.")
      .def_prop_ro("episode_steps", [](PyWriter& self) { return self.core().episode_steps(); })
      .def_prop_ro("step_is_open", &PyWriter::step_is_open)
      .def_prop_ro("pending_items", [](PyWriter& self) { return self.core().pending_items(); });
}

}  // namespace lp::bindings
