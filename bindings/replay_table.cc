#include "bindings/replay_table.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bindings/gil.h"
#include "bindings/module.h"
#include "bindings/replay_values.h"

namespace lp::bindings {
namespace {

using replay::SelectorKind;
using replay::SelectorOptions;
// (samples_per_insert, min_size_to_sample, min_diff, max_diff).
using LimiterTuple = std::tuple<double, int64_t, double, double>;

constexpr std::pair<const char*, SelectorKind> kSelectors[] = {
    {"fifo", SelectorKind::kFifo},        {"lifo", SelectorKind::kLifo},
    {"uniform", SelectorKind::kUniform},  {"prioritized", SelectorKind::kPrioritized},
    {"min_heap", SelectorKind::kMinHeap}, {"max_heap", SelectorKind::kMaxHeap}};

SelectorTuple selector_to_python(const SelectorOptions& options) {
  for (const auto& [name, kind] : kSelectors) {
    if (kind == options.kind) return {name, options.priority_exponent};
  }
  return {"", 0.0};
}

void make_table(PyTable* self, const std::string& name, const SelectorTuple& sampler,
                const SelectorTuple& remover, int64_t max_size, const LimiterTuple& limiter,
                int64_t max_times_sampled, int64_t max_bytes, nb::object signature,
                std::optional<uint64_t> seed) {
  replay::TableOptions options;
  options.name = name;
  options.sampler = selector_of(sampler);
  options.remover = selector_of(remover);
  options.max_size = max_size;
  options.rate_limiter = {std::get<0>(limiter), std::get<1>(limiter), std::get<2>(limiter),
                          std::get<3>(limiter)};
  options.max_times_sampled = static_cast<int32_t>(
      std::clamp<int64_t>(max_times_sampled, 0, std::numeric_limits<int32_t>::max()));
  options.max_bytes = max_bytes;
  if (!signature.is_none()) options.signature = signature_from_python(signature[0], signature[1]);
  options.seed = seed;
  new (self) PyTable{take(replay::Table::make(std::move(options)))};
}

}  // namespace

SelectorOptions selector_of(const SelectorTuple& given) {
  for (const auto& [name, kind] : kSelectors) {
    if (std::get<0>(given) == name) return {kind, std::get<1>(given)};
  }
  throw nb::value_error(("no selector is called " + std::get<0>(given)).c_str());
}

nb::dict info_to_python(const replay::TableInfo& info) {
  nb::dict d;
  d["name"] = info.name;
  d["sampler"] = selector_to_python(info.sampler);
  d["remover"] = selector_to_python(info.remover);
  d["max_size"] = info.max_size;
  d["max_bytes"] = info.max_bytes;
  d["max_times_sampled"] = info.max_times_sampled;
  d["rate_limiter"] =
      LimiterTuple{info.rate_limiter.samples_per_insert, info.rate_limiter.min_size_to_sample,
                   info.rate_limiter.min_diff, info.rate_limiter.max_diff};
  d["inserts"] = info.counts.inserts;
  d["samples"] = info.counts.samples;
  d["deletes"] = info.counts.deletes;
  d["signature"] = info.signature ? signature_to_python(*info.signature) : nb::none();
  d["current_size"] = info.current_size;
  d["num_episodes"] = info.num_episodes;
  d["num_deleted_episodes"] = info.num_deleted_episodes;
  d["num_unique_samples"] = info.num_unique_samples;
  d["chunks"] = info.chunks;
  d["chunk_bytes"] = info.chunk_bytes;
  d["raw_bytes"] = info.raw_bytes;
  d["item_bytes"] = info.item_bytes;
  d["waiting_inserts"] = info.waiting_inserts;
  d["waiting_samples"] = info.waiting_samples;
  d["insert_wait_ns"] = info.insert_wait_ns;
  d["sample_wait_ns"] = info.sample_wait_ns;
  return d;
}

void bind_replay_table(nb::module_& m) {
  nb::class_<PyTable>(m, "ReplayTable", "Items, and rules for which come and go.")
      .def("__init__", &make_table, nb::arg("name"), nb::arg("sampler"), nb::arg("remover"),
           nb::arg("max_size"), nb::arg("rate_limiter"), nb::arg("max_times_sampled"),
           nb::arg("max_bytes"), nb::arg("signature").none(), nb::arg("seed") = nb::none())
      .def_prop_ro("name", [](const PyTable& self) { return self.table->name(); })
      .def("info",
           [](const PyTable& self) {
             const auto info = [&] {
               const GilReleased released;
               return self.table->info();
             }();
             return info_to_python(info);
           })
      .def(
          "can_sample",
          [](const PyTable& self, int64_t n) { return take(self.table->can_sample(n)); },
          nb::arg("num_samples"))
      .def(
          "can_insert",
          [](const PyTable& self, int64_t n) { return take(self.table->can_insert(n)); },
          nb::arg("num_inserts"));
}

}  // namespace lp::bindings
