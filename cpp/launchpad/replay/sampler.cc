#include "launchpad/replay/sampler.h"

#include <algorithm>
#include <deque>

#include "launchpad/base/guarded.h"
#include "launchpad/replay/messages.h"
#include "launchpad/replay/stream_retry.h"

namespace lp::replay {
namespace {

// The items of a batch from `first` on.
SampleBatch rest_of(const SampleBatch& batch, size_t first) {
  SampleBatch rest;
  rest.infos.assign(batch.infos.begin() + static_cast<std::ptrdiff_t>(first), batch.infos.end());
  for (const SampleBatch::Column& column : batch.columns) {
    SampleBatch::Column part{column.spec, column.squeeze, column.length, {}, {}, {}};
    const auto ends_of = [&](const std::vector<uint64_t>& ends) {
      std::vector<uint64_t> moved;
      for (size_t i = first; i < ends.size(); ++i) moved.push_back(ends[i] - ends[first - 1]);
      return moved;
    };
    part.ends = ends_of(column.ends);
    part.byte_ends = ends_of(column.byte_ends);
    uint64_t from = 0;
    if (const auto row_bytes = column.spec.row_bytes()) {
      const uint64_t steps = column.ends.empty() ? first * static_cast<uint64_t>(column.length)
                                                 : column.ends[first - 1];
      from = steps * *row_bytes;
    } else {
      from = column.byte_ends[first - 1];
    }
    part.bytes = column.bytes.part(from, column.bytes.size() - from);
    rest.columns.push_back(std::move(part));
  }
  return rest;
}

}  // namespace

Status check_sampler(const SamplerOptions& options) {
  const auto bad = [](const std::string& what) { return Error(Code::kInvalidArgument, what); };
  if (options.table.empty()) return bad("the name of a table must be nonempty");
  if (options.max_in_flight < 1) {
    return bad("max_in_flight (" + std::to_string(options.max_in_flight) + ") must be >= 1");
  }
  if (options.batch < 0 || options.min_batch < 1) {
    return bad("batch (" + std::to_string(options.batch) + ") must be >= 0 and min_batch (" +
               std::to_string(options.min_batch) + ") >= 1");
  }
  if (options.max_samples < -1 || options.max_samples == 0) {
    return bad("max_samples (" + std::to_string(options.max_samples) + ") must be >= 1 or -1");
  }
  return {};
}

class SamplerCore : public std::enable_shared_from_this<SamplerCore> {
 public:
  SamplerCore(SampleSource source, SamplerOptions options)
      : source_(std::move(source)), options_(std::move(options)), state_(options_.retry_for) {
    batch_ = options_.batch > 0 ? std::min(options_.batch, options_.max_in_flight)
                                : (options_.max_in_flight + 1) / 2;
  }

  // Waits for samples, then calls `take(State&)` under the lock.
  template <class R, class Take>
  Result<std::optional<R>> next(const base::Deadline& deadline, Take&& take) {
    const uint64_t told = state_.with([](State& state) { return state.retry.told(); });
    while (true) {
      ask();
      const auto retry_at = state_.with([](State& state) { return state.retry_at; });
      auto until = deadline.at();
      if (retry_at && (!until || *retry_at < *until)) until = retry_at;
      bool again = false;
      auto result = state_.wait(
          until,
          [&](State& state) {
            return state.ready() || state.retry.stopped_since(told) || state.retry_at != retry_at;
          },
          [&](State& state, bool) -> Result<std::optional<R>> {
            if (!state.batches.empty()) return std::optional<R>(take(state));
            if (state.closed) return Error(Code::kCancelled, "the Sampler was closed");
            if (state.failed) return *state.failed;
            if (state.ended) return std::optional<R>();
            if (state.retry.stopped_since(told)) return state.retry.stop();
            again = state.retry_at && !deadline.passed();
            if (state.retry_at && *state.retry_at <= base::steady_clock().now()) {
              state.retry_at.reset();
            }
            return Error(Code::kDeadlineExceeded,
                         "no sample of table '" + options_.table + "' came in time");
          });
      if (again) continue;
      if (result.ok()) ask();
      return result;
    }
  }

  Sample take_one(auto& state) {
    Sample sample = sample_of(state.batches.front(), state.taken++);
    --state.here;
    if (state.taken == state.batches.front().size()) pop(state);
    return sample;
  }
  SampleBatch take_batch(auto& state) {
    SampleBatch batch = state.taken == 0 ? std::move(state.batches.front())
                                         : rest_of(state.batches.front(), state.taken);
    state.here -= static_cast<int64_t>(batch.size());
    pop(state);
    return batch;
  }

  void close() {
    const auto cancel = state_.with([](State& state) {
      state.closed = true;
      return state.cancel;
    });
    state_.notify_all();
    if (cancel) cancel();
  }

  struct State {
    explicit State(std::optional<base::Nanos> retry_for) : retry(retry_for) {}
    std::deque<SampleBatch> batches;
    size_t taken = 0;   // Of the first batch.
    int64_t here = 0;   // Samples in the batches.
    int64_t asked = 0;  // Of the call on its way; 0: there is none.
    int64_t received = 0;
    bool ended = false;
    bool closed = false;
    std::optional<Error> failed;
    SampleSource::Cancel cancel;
    StreamRetry retry;
    std::optional<base::TimePoint> retry_at;

    bool ready() const { return !batches.empty() || ended || closed || failed; }
  };

 private:
  static void pop(State& state) {
    state.batches.pop_front();
    state.taken = 0;
  }

  // Asks for more, if there is room for them and nothing is on its way.
  void ask() {
    const int64_t count = state_.with([&](State& state) -> int64_t {
      if (state.asked > 0 || state.ended || state.closed || state.failed || state.retry_at)
        return 0;
      int64_t count = std::min(batch_, options_.max_in_flight - state.here);
      if (state.here > 0 && count < batch_) return 0;
      if (options_.max_samples >= 0) {
        count = std::min(count, options_.max_samples - state.received);
        if (count <= 0 && state.here == 0) state.ended = true;
      }
      if (count > 0) state.asked = count;
      return std::max<int64_t>(count, 0);
    });
    if (count == 0) return;
    SampleCall request{options_.table, count, std::min(options_.min_batch, count), -1};
    if (options_.rate_limiter_timeout) request.timeout_ns = options_.rate_limiter_timeout->count();
    const auto done = std::make_shared<bool>(false);  // Under the lock.
    const auto cancel = source_.ask(request, {}, [self = shared_from_this(), done](auto batches) {
      self->answered(std::move(batches), *done);
    });
    const bool closed = state_.with([&](State& state) {
      if (!*done) state.cancel = cancel;
      return state.closed;
    });
    if (closed) cancel();
  }

  void answered(Result<std::vector<SampleBatch>> batches, bool& done) {
    state_.with_notify([&](State& state) {
      done = true;
      state.cancel = nullptr;
      state.asked = 0;
      if (!batches.ok()) return fail(state, batches.error());
      state.retry.worked();
      for (SampleBatch& batch : batches.value()) {
        const auto size = static_cast<int64_t>(batch.size());
        state.here += size;
        state.received += size;
        state.batches.push_back(std::move(batch));
      }
    });
  }

  void fail(State& state, const Error& error) {
    if (error.code == Code::kDeadlineExceeded) {
      state.ended = true;
      return;
    }
    if (error.code != Code::kUnavailable || source_.prebound) {
      state.failed = error;
      return;
    }
    const base::TimePoint now = base::steady_clock().now();
    if (!state.retry.failed(now, error, source_.stopped())) {
      state.failed = error;
      return;
    }
    state.retry_at = now + state.retry.next_pause();
  }

  const SampleSource source_;
  const SamplerOptions options_;
  int64_t batch_ = 1;
  base::Guarded<State> state_;
};

Sampler::Sampler(SampleSource source, SamplerOptions options)
    : core_(std::make_shared<SamplerCore>(std::move(source), std::move(options))) {}

Sampler::~Sampler() { close(); }

Result<std::optional<Sample>> Sampler::next(const base::Deadline& deadline) {
  return core_->next<Sample>(deadline, [&](auto& state) { return core_->take_one(state); });
}

Result<std::optional<SampleBatch>> Sampler::next_batch(const base::Deadline& deadline) {
  return core_->next<SampleBatch>(deadline, [&](auto& state) { return core_->take_batch(state); });
}

void Sampler::close() { core_->close(); }

}  // namespace lp::replay
