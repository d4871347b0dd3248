#include "launchpad/replay/table_core.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "launchpad/replay/stops.h"

namespace lp::replay {

TableCore::TableCore(TableOptions options, const base::Clock& clock, uint64_t seed)
    : options_(std::move(options)), clock_(clock), state_(options_, seed) {}

void TableCore::After::run() {
  if (notify) notify();
  for (auto& call : calls) call();
}

Error TableCore::closed_error() const {
  return server_stops("table '" + options_.name + "' was closed: its server stops");
}

Error TableCore::late_error(const char* what) const {
  return Error(Code::kDeadlineExceeded, "the rate limiter of table '" + options_.name +
                                            "' held the " + what + " back for too long");
}

int64_t TableCore::since(base::TimePoint start) const { return (clock_.now() - start).count(); }

Status TableCore::check(const State& state, const Item& item) const {
  if (state.closed) return closed_error();
  if (!item.trajectory) return Error(Code::kInvalidArgument, "trajectory must not be empty.");
  return state.contents.check(item.priority);
}

// ---- Calls that may wait.

void TableCore::insert(Item item, const base::Deadline& deadline, Table::InsertDone done) {
  After after;
  Status status;
  const bool parked = state_.with([&](State& state) {
    status = check(state, item);
    if (!status.ok()) return false;
    const bool update = state.contents.contains(item.key);
    if ((update || state.inserts.empty()) && insert_now(state, item, after)) {
      serve(state, after);
      return false;
    }
    if (deadline.passed(clock_)) {
      status = late_error("insert");
      return false;
    }
    state.inserts.push_back({std::move(item), deadline, clock_.now(), std::move(done)});
    note_deadline(state, deadline, after);
    return true;
  });
  if (!parked) done(status);
  after.run();
}

bool TableCore::insert_now(State& state, Item& item, After& after) {
  if (state.contents.update(item.key, item.priority)) return true;
  if (!state.contents.limiter().can_insert(1)) return false;
  state.contents.insert(std::move(item), after.trash);
  return true;
}

void TableCore::sample(Table::SampleRequest request, Table::SampleDone done) {
  if (request.min_count < 1 || request.max_count < request.min_count ||
      request.max_count > kMaxSamples) {
    done(Error(Code::kInvalidArgument, "a sample of " + std::to_string(request.min_count) + " to " +
                                           std::to_string(request.max_count) +
                                           " items: it must be at least one, and at most " +
                                           std::to_string(kMaxSamples)));
    return;
  }
  After after;
  Result<std::vector<SampledItem>> result = std::vector<SampledItem>();
  const bool parked = state_.with([&](State& state) {
    if (state.closed) {
      result = closed_error();
      return false;
    }
    WaitingSample waiting{std::move(request), clock_.now(), nullptr, {}};
    const auto enough = [&] {
      return static_cast<int64_t>(waiting.samples.size()) >= waiting.request.min_count;
    };
    const int64_t most = waiting.request.max_count;
    if (state.samples.empty() && state.inserts.empty() && state.contents.size() > 0 &&
        state.contents.samples_independently() && state.contents.limiter().can_sample(most)) {
      state.contents.sample_many(most, waiting.samples);
      result = std::move(waiting.samples);
      return false;
    }
    // Waiting inserts get their turn between two samples.
    for (bool moved = state.samples.empty(); moved;) {
      moved = sample_now(state, waiting, after);
      moved = serve_insert(state, after) || moved;
    }
    const bool late = waiting.request.deadline.passed(clock_);
    if (enough() || (late && !waiting.samples.empty())) {
      result = std::move(waiting.samples);
      return false;
    }
    if (late) {
      result = late_error("sample");
      return false;
    }
    waiting.done = std::move(done);
    note_deadline(state, waiting.request.deadline, after);
    state.samples.push_back(std::move(waiting));
    return true;
  });
  if (!parked) done(std::move(result));
  after.run();
}

// One more sample for `waiting`; false: it has all, or none is possible now.
bool TableCore::sample_now(State& state, WaitingSample& waiting, After& after) {
  if (static_cast<int64_t>(waiting.samples.size()) >= waiting.request.max_count) return false;
  if (state.contents.size() == 0 || !state.contents.limiter().can_sample(1)) return false;
  waiting.samples.push_back(state.contents.sample(after.trash));
  return true;
}

void TableCore::serve(State& state, After& after) {
  bool moved = true;
  while (moved) {
    moved = serve_insert(state, after);
    moved = serve_sample(state, after) || moved;
  }
  // Nothing more is possible now: the first may have enough.
  while (!state.samples.empty()) {
    const auto first = state.samples.begin();
    if (static_cast<int64_t>(first->samples.size()) < first->request.min_count) break;
    finish(state, first, closed_error(), after);
  }
}

bool TableCore::serve_insert(State& state, After& after) {
  if (state.inserts.empty()) return false;
  const auto first = state.inserts.begin();
  if (!insert_now(state, first->item, after)) return false;
  finish(state, first, {}, after);
  return true;
}

bool TableCore::serve_sample(State& state, After& after) {
  if (state.samples.empty()) return false;
  const auto first = state.samples.begin();
  if (state.contents.size() == 0 || !state.contents.limiter().can_sample(1)) return false;
  if (first->request.gone && first->request.gone()) {
    finish(state, first, Error(Code::kCancelled, "the sample was given up"), after);
    return true;
  }
  if (!sample_now(state, *first, after)) return false;
  if (static_cast<int64_t>(first->samples.size()) == first->request.max_count) {
    finish(state, first, closed_error(), after);
  }
  return true;
}

void TableCore::finish(State& state, std::list<WaitingInsert>::iterator insert, Status status,
                       After& after) {
  state.insert_wait_ns += since(insert->since);
  after.calls.push_back(
      [done = std::move(insert->done), status = std::move(status)] { done(status); });
  // An item that was refused is freed without the lock.
  if (insert->item.trajectory) after.trash.push_back(std::move(insert->item.trajectory));
  state.inserts.erase(insert);
}

// With its samples, or `otherwise` if it has none.
void TableCore::finish(State& state, std::list<WaitingSample>::iterator sample, Error otherwise,
                       After& after) {
  state.sample_wait_ns += since(sample->since);
  auto samples = std::make_shared<std::vector<SampledItem>>(std::move(sample->samples));
  after.calls.push_back(
      [done = std::move(sample->done), samples, otherwise = std::move(otherwise)] {
        if (samples->empty())
          done(otherwise);
        else
          done(std::move(*samples));
      });
  state.samples.erase(sample);
}

// ---- Ends of waits.

void TableCore::note_deadline(State& state, const base::Deadline& deadline, After& after) {
  if (deadline.never()) return;
  if (state.first_deadline && *state.first_deadline <= *deadline.at()) return;
  state.first_deadline = deadline.at();
  after.notify = state.notify;
}

void TableCore::on_new_deadline(std::function<void()> notify) {
  state_.with([&](State& state) { state.notify = std::move(notify); });
}

std::optional<base::TimePoint> TableCore::expire() {
  After after;
  const auto next = state_.with([&](State& state) {
    const base::TimePoint now = clock_.now();
    if (state.first_deadline && *state.first_deadline > now) return state.first_deadline;
    std::optional<base::TimePoint> first;
    const auto passed = [&](const base::Deadline& deadline) {
      if (deadline.never()) return false;
      if (*deadline.at() <= now) return true;
      first = first ? std::min(*first, *deadline.at()) : *deadline.at();
      return false;
    };
    for (auto it = state.inserts.begin(); it != state.inserts.end();) {
      const auto insert = it++;
      if (passed(insert->deadline)) finish(state, insert, late_error("insert"), after);
    }
    for (auto it = state.samples.begin(); it != state.samples.end();) {
      const auto sample = it++;
      if (passed(sample->request.deadline)) finish(state, sample, late_error("sample"), after);
    }
    state.first_deadline = first;
    // Those behind the ones that left may be served now.
    serve(state, after);
    return first;
  });
  after.run();
  return next;
}

void TableCore::close() {
  After after;
  state_.with([&](State& state) {
    state.closed = true;
    while (!state.inserts.empty()) finish(state, state.inserts.begin(), closed_error(), after);
    while (!state.samples.empty()) finish(state, state.samples.begin(), closed_error(), after);
  });
  after.run();
}

Status TableCore::claim() {
  return state_.with([&](State& state) -> Status {
    const std::string name = "table '" + options_.name + "'";
    if (state.closed) {
      return Error(Code::kInvalidArgument, name + " was closed with its server: make a new one");
    }
    if (std::exchange(state.claimed, true)) {
      return Error(Code::kInvalidArgument,
                   name + " is another server's already: make one for each");
    }
    return {};
  });
}

void TableCore::unclaim() {
  state_.with([](State& state) { state.claimed = false; });
}

// ---- Calls that never wait.

Result<int64_t> TableCore::mutate(std::span<const PriorityUpdate> updates,
                                  std::span<const uint64_t> deletes) {
  After after;
  auto result = state_.with([&](State& state) -> Result<int64_t> {
    for (const PriorityUpdate& update : updates) LP_TRY(state.contents.check(update.priority));
    int64_t count = 0;
    for (const uint64_t key : deletes) count += state.contents.remove(key, after.trash);
    count += state.contents.update(updates);
    if (!deletes.empty()) serve(state, after);
    return count;
  });
  after.run();
  return result;
}

Status TableCore::reset() {
  After after;
  state_.with([&](State& state) {
    state.contents.clear(after.trash);
    serve(state, after);
  });
  after.run();
  return {};
}

Status TableCore::restore(Table::Snapshot snapshot) {
  std::unordered_set<uint64_t> keys;
  for (const Item& item : snapshot.items) {
    if (!keys.insert(item.key).second) {
      return Error(Code::kInvalidArgument,
                   "two items of the key " + std::to_string(item.key) + " cannot be restored");
    }
  }
  After after;
  Status status = state_.with([&](State& state) -> Status {
    for (const Item& item : snapshot.items) LP_TRY(check(state, item));
    state.contents.clear(after.trash);
    state.contents.restore(std::move(snapshot), after.trash);
    serve(state, after);
    return {};
  });
  after.run();
  return status;
}

TableInfo TableCore::info() const {
  TableInfo info;
  info.name = options_.name;
  info.sampler = options_.sampler;
  info.remover = options_.remover;
  info.max_size = options_.max_size;
  info.max_bytes = options_.max_bytes;
  info.max_times_sampled = options_.max_times_sampled;
  info.rate_limiter = options_.rate_limiter;
  info.signature = options_.signature;
  state_.with([&](const State& state) {
    state.contents.fill(info);
    info.waiting_inserts = static_cast<int64_t>(state.inserts.size());
    info.waiting_samples = static_cast<int64_t>(state.samples.size());
    info.insert_wait_ns = state.insert_wait_ns;
    info.sample_wait_ns = state.sample_wait_ns;
  });
  return info;
}

}  // namespace lp::replay
