// A stream of samples, as nests of numpy arrays, for the datasets.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/module.h"
#include "bindings/replay_client.h"
#include "bindings/replay_nest.h"
#include "bindings/replay_values.h"
#include "bindings/steal.h"
#include "bindings/waiting.h"

namespace lp::bindings {
namespace {

std::optional<base::Nanos> limit_of(const std::optional<double>& seconds) {
  return seconds ? std::optional(to_nanos(*seconds)) : std::nullopt;
}

std::string describe(const replay::ColumnShape& column) {
  return "(" + std::string(replay::type_name(column.type)) + ", " +
         replay::shape_text(column.shape) + ")";
}

class PySampler {
 public:
  // `nest`: what samples look like, with five leaves of info before those of the data.
  PySampler(const PyReplayClient& client, replay::SamplerOptions options, Nest nest,
            replay::Signature expected, bool timesteps)
      : table_(options.table),
        nest_(std::move(nest)),
        expected_(std::move(expected)),
        timesteps_(timesteps) {
    sampler_ = take(client.streams.sampler(std::move(options)));
  }
  ~PySampler() {
    const GilReleased released;
    sampler_.reset();
  }

  // The next sample, or None at the end. Raises DeadlineExceededError.
  nb::object next(std::optional<double> timeout) {
    const auto sample = wait_for<replay::Sample>(
        timeout, [this](const base::Deadline& tick) { return sampler_->next(tick); });
    return sample ? to_python(*sample) : nb::none();
  }

  // What came together: [items, ...], if all items are alike in length; else a list of samples.
  // None at the end.
  nb::object next_batch(std::optional<double> timeout) {
    const auto batch = wait_for<replay::SampleBatch>(
        timeout, [this](const base::Deadline& tick) { return sampler_->next_batch(tick); });
    if (!batch) return nb::none();
    if (!batch->stackable()) {
      nb::list samples;
      for (size_t item = 0; item < batch->size(); ++item)
        samples.append(to_python(replay::sample_of(*batch, item)));
      return samples;
    }
    std::array<nb::object, 5> info = arrays_of(batch->infos);
    std::vector<nb::object> owned(info.begin(), info.end());
    check_count(batch->columns.size());
    for (size_t i = 0; i < batch->columns.size(); ++i) {
      const replay::ColumnData column = take(batch->stacked(i));
      check(i, column, 1);
      owned.push_back(array_of(column));
    }
    return build(owned);
  }

  void close() {
    const GilReleased released;
    sampler_->close();
  }

 private:
  // What `next` gives; none: the stream has ended.
  template <class T, class Next>
  std::optional<T> wait_for(std::optional<double> timeout, Next next) {
    Result<std::optional<T>> got = std::optional<T>();
    const bool done = wait_heeding_signals(to_deadline(timeout), [&](const base::Deadline& tick) {
      got = next(tick);
      if (got.ok() || got.error().code != Code::kDeadlineExceeded) return true;
      auto stops = program_stops();
      if (stops) got = *std::move(stops);
      return stops.has_value();
    });
    if (!done) raise_replay(got.error());
    if (!got.ok() && got.error().code == Code::kCancelled) return std::nullopt;  // It was closed.
    return take(std::move(got));
  }

  nb::object to_python(const replay::Sample& sample) {
    std::array<nb::object, 5> info = scalars_of(sample.info);
    std::vector<nb::object> owned(info.begin(), info.end());
    check_count(sample.columns.size());
    for (size_t i = 0; i < sample.columns.size(); ++i) {
      const replay::ColumnData& column = sample.columns[i];
      check(i, column, 0);
      owned.push_back(array_of(column));
    }
    return build(owned);
  }

  nb::object build(const std::vector<nb::object>& owned) {
    std::vector<PyObject*> leaves;
    leaves.reserve(owned.size());
    for (const nb::object& leaf : owned) leaves.push_back(leaf.ptr());
    nb::object built = steal_or_raise(nest_.build(leaves));
    return built;
  }

  void check_count(size_t columns) const {
    if (columns == expected_.columns.size()) return;
    raise_replay(Error(Code::kInvalidArgument,
                       "Inconsistent number of tensors received from table '" + table_ +
                           "'.  Specification has " + std::to_string(expected_.columns.size()) +
                           " tensors, but data coming from the table shows " +
                           std::to_string(columns) + " tensors."));
  }

  // `items`: how many dimensions are items'.
  void check(size_t column, const replay::ColumnData& data, size_t items) const {
    const replay::SignatureColumn& expected = expected_.columns[column];
    replay::ColumnShape got{data.type,
                            {data.shape.begin() + static_cast<long>(items), data.shape.end()}};
    if (timesteps_ && !got.shape.empty()) got.shape.erase(got.shape.begin());
    if (replay::compatible(expected, got)) return;
    const replay::ColumnShape wanted{expected.element_type(), expected.shape};
    raise_replay(Error(Code::kInvalidArgument,
                       "Received incompatible tensor at flattened index " + std::to_string(column) +
                           " from table '" + table_ +
                           "'.  Specification has (dtype, shape): " + describe(wanted) +
                           ".  Tensor has (dtype, shape): " + describe(got) + "."));
  }

  std::string table_;
  Nest nest_;
  replay::Signature expected_;
  bool timesteps_;
  std::unique_ptr<replay::Sampler> sampler_;
};

PySampler* make_sampler(const PyReplayClient& client, const std::string& table, const Nest& nest,
                        nb::object columns, bool timesteps, int64_t max_in_flight, int64_t batch,
                        int64_t min_batch, int64_t max_samples,
                        std::optional<double> rate_limiter_timeout,
                        std::optional<double> retry_timeout) {
  replay::SamplerOptions options;
  options.table = table;
  options.max_in_flight = max_in_flight;
  options.batch = batch;
  options.min_batch = min_batch;
  options.max_samples = max_samples;
  options.rate_limiter_timeout = limit_of(rate_limiter_timeout);
  options.retry_for = limit_of(retry_timeout);
  return new PySampler(client, std::move(options), nest,
                       signature_from_python(nb::str(""), columns), timesteps);
}

}  // namespace

void bind_replay_sampler(nb::module_& m) {
  nb::class_<PySampler>(m, "ReplaySampler", "A stream of samples of one table.")
      .def(nb::new_(&make_sampler), nb::arg("client"), nb::arg("table"), nb::arg("nest"),
           nb::arg("columns"), nb::arg("timesteps"), nb::arg("max_in_flight"), nb::arg("batch"),
           nb::arg("min_batch"), nb::arg("max_samples"), nb::arg("rate_limiter_timeout").none(),
           nb::arg("retry_timeout").none())
      .def("next", &PySampler::next, nb::arg("timeout").none(), "None: the stream has ended.")
      .def(
          "next_batch", &PySampler::next_batch, nb::arg("timeout").none(),
          "Samples that came together: stacked if they are of equal length, else a list. None: the "
          "stream has ended.")
      .def("close", &PySampler::close, "Ends the stream, also for who waits. Any thread.");
}

}  // namespace lp::bindings
