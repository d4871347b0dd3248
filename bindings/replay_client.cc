// Calls of a replay server, and streams of samples, for reverb.client and the datasets.
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bindings/module.h"
#include "bindings/replay_client.h"
#include "bindings/replay_nest.h"
#include "bindings/replay_table.h"
#include "bindings/replay_values.h"
#include "bindings/steal.h"
#include "bindings/token.h"
#include "bindings/waiting.h"
#include "launchpad/courier/client.h"

namespace lp::bindings {
namespace {

using Timeout = std::optional<double>;

// Runs f() without the GIL; its result, but for what ends a program.
template <class F>
auto result_of(F&& f) {
  auto result = [&] {
    const GilReleased released;
    return f();
  }();
  // Ctrl-C may have come after the answer.
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  if (!result.ok() && result.error().code == Code::kAborted) {
    if (const auto stops = program_stops()) raise_replay(*stops);
  }
  return result;
}

// Its value, or the error raised.
template <class F>
auto call(F&& f) {
  return take(result_of(std::forward<F>(f)));
}

using Ways = std::vector<std::vector<std::string>>;

// Of each server that `address` names, `nearer` has shorter ways, if any; it may be empty.
replay::Client connect_each(const std::string& address, const Ways& nearer,
                            const courier::ChannelOptions& options) {
  const auto parsed = take(courier::Addresses::parse(address));
  std::vector<std::shared_ptr<courier::Channel>> channels;
  for (size_t i = 0; i < parsed.all.size(); ++i) {
    courier::ChannelOptions own = options;
    for (const std::string& text : i < nearer.size() ? nearer[i] : std::vector<std::string>()) {
      auto way = net::Address::parse(text);
      if (way.ok()) own.nearer.push_back(std::move(way).value());
    }
    channels.push_back(courier::make_shared_channel(parsed.all[i], std::move(own)));
  }
  return replay::Client(std::move(channels));
}

PyReplayClient connect(const std::string& address, const Ways& nearer) {
  courier::ChannelOptions calls;
  calls.language = "python";
  set_token(calls, std::nullopt);
  calls.interrupted = [] { return python_wants_to_raise() || program_stops().has_value(); };
  courier::ChannelOptions streams;
  streams.language = "python";
  set_token(streams, std::nullopt);
  streams.wait_for_ready = false;
  return {connect_each(address, nearer, calls), connect_each(address, nearer, streams)};
}

std::vector<uint64_t> insert(const PyReplayClient& client, nb::list leaves,
                             const std::vector<std::tuple<std::string, double>>& priorities,
                             Timeout timeout) {
  Leaves values;
  size_t column = 0;
  for (nb::handle leaf : leaves) {
    if (leaf.is_none()) throw nb::type_error("a step to insert must have all values: got NoneType");
    values.add(column++, leaf.ptr());
  }
  std::vector<replay::Client::Priority> items;
  for (const auto& [table, priority] : priorities) items.push_back({table, priority});
  return call([&] { return client.calls.insert(values.cells(), items, to_deadline(timeout)); });
}

nb::tuple sample_to_python(const replay::Sample& sample, std::span<const bool> squeezed) {
  const replay::SampleInfo& info = sample.info;
  nb::list columns;
  for (const replay::ColumnData& column : sample.columns) columns.append(array_of(column));
  nb::list squeezes;
  for (bool squeeze : squeezed) squeezes.append(squeeze);
  return nb::make_tuple(nb::make_tuple(info.key, info.probability, info.table_size, info.priority,
                                       info.times_sampled),
                        columns, squeezes);
}

nb::tuple sample(const PyReplayClient& client, const std::string& table, Timeout timeout) {
  const auto batches = call([&] { return client.calls.sample(table, {}, to_deadline(timeout)); });
  if (batches.empty() || batches.front().size() == 0)
    throw std::runtime_error("the server gave no sample");
  const replay::SampleBatch& batch = batches.front();
  const auto squeezed = std::make_unique<bool[]>(batch.columns.size());
  for (size_t i = 0; i < batch.columns.size(); ++i) squeezed[i] = batch.columns[i].squeeze;
  return sample_to_python(replay::sample_of(batch, 0), {squeezed.get(), batch.columns.size()});
}

// Keys are often numpy's; they are not rounded.
replay::PriorityUpdate update_of(nb::handle key, nb::handle priority) {
  const nb::object number = steal_or_raise(PyNumber_Index(key.ptr()));
  const uint64_t bits = PyLong_AsUnsignedLongLong(number.ptr());
  const double value = PyErr_Occurred() == nullptr ? PyFloat_AsDouble(priority.ptr()) : 0.0;
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  return {bits, value};
}

int64_t mutate(const PyReplayClient& client, const std::string& table, const nb::dict& updates,
               const std::vector<uint64_t>& deletes, Timeout timeout) {
  std::vector<replay::PriorityUpdate> changes;
  changes.reserve(updates.size());
  for (const auto& [key, priority] : updates) changes.push_back(update_of(key, priority));
  return call([&] {
    return client.calls.mutate_priorities(table, changes, deletes, to_deadline(timeout));
  });
}

nb::list info(const PyReplayClient& client, Timeout timeout) {
  nb::list tables;
  for (const replay::TableInfo& table :
       call([&] { return client.calls.info(to_deadline(timeout)); }))
    tables.append(info_to_python(table));
  return tables;
}

// (kind, exponent) of the sampler and of the remover.
void check_priority(const SelectorTuple& sampler, const SelectorTuple& remover, double priority) {
  take(replay::check_priority(selector_of(sampler), selector_of(remover), priority));
}

}  // namespace

void bind_replay_client(nb::module_& m) {
  m.def("check_replay_priority", &check_priority, nb::arg("sampler"), nb::arg("remover"),
        nb::arg("priority"), "Raises what a table of these selectors says of such an item.");
  nb::class_<PyReplayClient>(m, "ReplayClient", "Calls of one replay server.",
                             nb::is_weak_referenceable())
      .def(nb::new_(&connect), nb::arg("address"), nb::arg("nearer") = Ways(),
           "`nearer`: of each server that the address names, addresses to be tried before.")
      .def("insert", &insert, nb::arg("leaves"), nb::arg("priorities"), nb::arg("timeout").none())
      .def("sample", &sample, nb::arg("table"), nb::arg("timeout").none(),
           "One item: its info, its columns, and whether each is squeezed.")
      .def("mutate_priorities", &mutate, nb::arg("table"), nb::arg("updates"), nb::arg("deletes"),
           nb::arg("timeout").none(), "How many items were changed or deleted.")
      .def(
          "reset",
          [](const PyReplayClient& self, const std::string& table, Timeout timeout) {
            call([&] { return self.calls.reset(table, to_deadline(timeout)); });
          },
          nb::arg("table"), nb::arg("timeout").none())
      .def("info", &info, nb::arg("timeout").none())
      .def(
          "checkpoint",
          [](const PyReplayClient& self, Timeout timeout) {
            return take_checkpoint(
                result_of([&] { return self.calls.checkpoint(to_deadline(timeout)); }));
          },
          nb::arg("timeout").none(), "The path of what the server wrote.");
}

}  // namespace lp::bindings
