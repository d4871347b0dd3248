#include "launchpad/replay/shards.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "launchpad/courier/client.h"

namespace lp::replay {
namespace {

// How long one shard is waited for before all are looked at again: what was known of it may be
// over, and another may have what is asked for.
constexpr base::Nanos kShardWait{20'000'000};

// A request to all shards that has not all answers yet.
template <class T>
struct Gathering {
  explicit Gathering(size_t count) : state(State{std::vector<Result<T>>(count, T()), count}) {}
  struct State {
    std::vector<Result<T>> answers;
    size_t left;
  };
  base::Guarded<State> state;

  // True: it was the last.
  bool put(size_t index, Result<T> answer) {
    return state.with([&](State& all) {
      all.answers[index] = std::move(answer);
      return --all.left == 0;
    });
  }
};

Error not_found(const std::string& table) {
  return Error(Code::kNotFound, "Priority table " + table + " was not found");
}

void add(TableInfo& sum, const TableInfo& info) {
  sum.max_size += info.max_size;
  sum.max_bytes += info.max_bytes;
  sum.counts.inserts += info.counts.inserts;
  sum.counts.samples += info.counts.samples;
  sum.counts.deletes += info.counts.deletes;
  sum.current_size += info.current_size;
  sum.num_episodes += info.num_episodes;
  sum.num_deleted_episodes += info.num_deleted_episodes;
  sum.num_unique_samples += info.num_unique_samples;
  sum.chunks += info.chunks;
  sum.chunk_bytes += info.chunk_bytes;
  sum.raw_bytes += info.raw_bytes;
  sum.item_bytes += info.item_bytes;
  sum.waiting_inserts += info.waiting_inserts;
  sum.waiting_samples += info.waiting_samples;
  sum.insert_wait_ns += info.insert_wait_ns;
  sum.sample_wait_ns += info.sample_wait_ns;
  sum.weight += info.weight;
}

// One request for samples of all shards: weights, draws, and a call to each shard that was drawn.
class ShardedSample : public std::enable_shared_from_this<ShardedSample> {
 public:
  ShardedSample(std::shared_ptr<Shards> shards, const SampleCall& call,
                const base::Deadline& deadline, SampleSource::Done done)
      : shards_(std::move(shards)), call_(call), deadline_(deadline), done_(std::move(done)) {
    if (call.timeout_ns >= 0) limiter_ = base::Deadline::after(base::Nanos(call.timeout_ns));
  }

  void start() {
    shards_->weigh(call_.table, deadline_, [self = shared_from_this()](auto weights) {
      if (!weights.ok()) return self->done_(weights.error());
      self->draw(std::move(weights).value());
    });
  }

  void cancel() {
    const auto cancels = state_.with([](State& state) {
      state.cancelled = true;
      return std::move(state.cancels);
    });
    for (const auto& cancel : cancels) cancel();
  }

 private:
  using Batches = std::vector<SampleBatch>;
  struct State {
    bool cancelled = false;
    std::vector<SampleSource::Cancel> cancels;
  };

  void draw(Shards::Weights weights) {
    weights_ = std::move(weights);
    order_ = shards_->draw(weights_, call_.max_count - have_);
    // Any shard may be the first to have an item.
    if (order_.empty()) order_ = {static_cast<uint32_t>(shards_->next())};
    std::vector<int64_t> counts(shards_->size());
    for (const uint32_t shard : order_) ++counts[shard];
    asked_.clear();
    for (uint32_t i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) asked_.push_back(i);
    }
    // The last answer may begin the next draw, so what is below is this one's own.
    const auto asked = asked_;
    const auto gathering = gathering_ = std::make_shared<Gathering<Batches>>(asked.size());
    state_.with([](State& state) { state.cancels.clear(); });
    for (size_t i = 0; i < asked.size(); ++i) {
      SampleCall part = call_;
      part.max_count = counts[asked[i]];
      part.min_count = call_.min_count == call_.max_count ? part.max_count : 1;
      if (call_.timeout_ns >= 0) part.timeout_ns = limiter_.left().count();
      part.timeout_ns = std::min(kShardWait.count(), limit(part.timeout_ns));
      ask(asked[i], part, [self = shared_from_this(), gathering, i](Result<Batches> answer) {
        if (gathering->put(i, std::move(answer))) self->finish();
      });
    }
  }

  static int64_t limit(int64_t timeout_ns) { return timeout_ns < 0 ? INT64_MAX : timeout_ns; }

  void ask(size_t shard, const SampleCall& part, SampleSource::Done done) {
    auto cancel = source_of(shards_->channel(shard)).ask(part, deadline_, std::move(done));
    const bool late = state_.with([&](State& state) {
      state.cancels.push_back(cancel);
      return state.cancelled;
    });
    if (late) cancel();
  }

  // What the shards gave of one draw: with enough of it that is all, else they are asked for more.
  void finish() {
    std::vector<Batches> answers(shards_->size());
    std::optional<Error> error;
    gathering_->state.with([&](auto& state) {
      for (size_t i = 0; i < asked_.size(); ++i) {
        Result<Batches>& answer = state.answers[i];
        if (!answer.ok()) {
          if (!error || error->code == Code::kDeadlineExceeded) error = answer.error();
          continue;
        }
        answers[asked_[i]] = std::move(answer).value();
        for (SampleBatch& batch : answers[asked_[i]]) have_ += correct(batch, asked_[i]);
      }
    });
    auto batches = interleave(answers, order_);
    if (!batches.ok()) return done_(batches.error());
    std::move(batches->begin(), batches->end(), std::back_inserter(got_));
    const bool cancelled = state_.with([](State& state) { return state.cancelled; });
    const bool over = limiter_.passed() || deadline_.passed() || cancelled;
    const bool late = error && error->code == Code::kDeadlineExceeded;
    if (error && !late) return done_(*error);
    if (have_ >= call_.min_count) return done_(std::move(got_));
    if (!over) return start();
    if (have_ > 0) return done_(std::move(got_));
    done_(error ? *error : Error(Code::kDeadlineExceeded, "no sample came in time"));
  }

  // Makes a shard's numbers the whole table's.
  int64_t correct(SampleBatch& batch, uint32_t shard) const {
    const bool known = weights_.total > 0;
    for (SampleInfo& info : batch.infos) {
      if (known) info.probability *= weights_.weights[shard] / weights_.total;
      info.table_size += weights_.items - weights_.sizes[shard];
    }
    return static_cast<int64_t>(batch.size());
  }

  const std::shared_ptr<Shards> shards_;
  const SampleCall call_;
  const base::Deadline deadline_;
  const SampleSource::Done done_;
  base::Deadline limiter_;  // When the rate limiters have held it back too long.
  Batches got_;
  int64_t have_ = 0;
  // Of the draw that is under way.
  Shards::Weights weights_;
  std::vector<uint32_t> order_, asked_;
  std::shared_ptr<Gathering<Batches>> gathering_;
  base::Guarded<State> state_;
};

}  // namespace

Shards::Shards(std::vector<std::shared_ptr<courier::Channel>> channels)
    : channels_(std::move(channels)), rng_(base::fresh_seed()) {
  // Not all clients begin at the same one.
  turn_ = rng_.with([](base::Rng& rng) { return rng() >> 32; });
}

SampleSource Shards::source() {
  return {[self = shared_from_this()](const SampleCall& call, const base::Deadline& deadline,
                                      SampleSource::Done done) -> SampleSource::Cancel {
            const auto sample =
                std::make_shared<ShardedSample>(self, call, deadline, std::move(done));
            sample->start();
            return [sample] { sample->cancel(); };
          },
          channels_.front()->options().prebound,
          [self = shared_from_this()] {
            return std::any_of(self->channels_.begin(), self->channels_.end(),
                               [](const auto& channel) { return channel->stopped(); });
          }};
}

void Shards::weigh(const std::string& table, const base::Deadline& deadline, WeightsDone done) {
  const base::TimePoint now = base::steady_clock().now();
  auto known = weights_.with([&](auto& all) -> std::optional<Weights> {
    const auto found = all.find(table);
    if (found == all.end() || now - found->second.at > kWeightsAge) return std::nullopt;
    return found->second;
  });
  if (known) return done(*std::move(known));
  using Infos = std::vector<TableInfo>;
  const auto gathering = std::make_shared<Gathering<Infos>>(size());
  const auto finish = [self = shared_from_this(), gathering, table, done = std::move(done)] {
    Weights weights;
    weights.at = base::steady_clock().now();
    for (const Result<Infos>& infos : gathering->state.with([](auto& s) { return s.answers; })) {
      if (!infos.ok()) return done(infos.error());
      const auto found = std::find_if(infos.value().begin(), infos.value().end(),
                                      [&](const TableInfo& info) { return info.name == table; });
      if (found == infos.value().end()) return done(not_found(table));
      weights.weights.push_back(found->weight);
      weights.sizes.push_back(found->current_size);
      weights.total += found->weight;
      weights.items += found->current_size;
    }
    self->weights_.with([&](auto& all) { all[table] = weights; });
    done(std::move(weights));
  };
  for (size_t i = 0; i < size(); ++i) {
    auto sent = channels_[i]->start(
        kInfoCall, courier::encode_arguments(std::tuple<>()), deadline,
        [gathering, finish, i](courier::Answer answer) {
          if (gathering->put(i, courier::decode_answer<Infos>(std::move(answer), kInfoCall)))
            finish();
        });
    if (!sent.ok() && gathering->put(i, sent.error())) finish();
  }
}

std::vector<uint32_t> Shards::draw(const Weights& weights, int64_t count) {
  std::vector<double> ends;
  double end = 0;
  for (size_t i = 0; i < weights.weights.size(); ++i) {
    // Items that all weigh nothing are all alike.
    ends.push_back(end +=
                   weights.total > 0 ? weights.weights[i] : static_cast<double>(weights.sizes[i]));
  }
  std::vector<uint32_t> order;
  if (end <= 0) return order;
  rng_.with([&](base::Rng& rng) {
    for (int64_t i = 0; i < count; ++i) {
      const double target = static_cast<double>(rng() >> 11) * 0x1.0p-53 * end;
      const auto found = std::upper_bound(ends.begin(), ends.end(), target);
      order.push_back(static_cast<uint32_t>(
          std::min<std::ptrdiff_t>(found - ends.begin(), std::ssize(ends) - 1)));
    }
  });
  return order;
}

Result<std::vector<TableInfo>> Shards::merged(
    const std::vector<Result<std::vector<TableInfo>>>& infos) {
  std::vector<TableInfo> sums;
  for (const auto& shard : infos) {
    LP_TRY(shard);
    for (const TableInfo& info : shard.value()) {
      const auto found = std::find_if(sums.begin(), sums.end(),
                                      [&](const TableInfo& sum) { return sum.name == info.name; });
      if (found == sums.end())
        sums.push_back(info);
      else
        add(*found, info);
    }
  }
  return sums;
}

}  // namespace lp::replay
