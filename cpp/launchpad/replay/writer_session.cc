#include "launchpad/replay/writer_session.h"

#include "launchpad/replay/stops.h"

namespace lp::replay {
namespace {

// A writer has few calls on their way; those of connections that broke may be here, too.
constexpr size_t kMaxEarly = 64;

}  // namespace

// Without the lock, which guards what an Open holds beside its call.
void WriterSession::answer(const Answers& answers) {
  for (const auto& [open, outcome] : answers) {
    if (!outcome.ok()) {
      open->call.fail(outcome.error());
      continue;
    }
    open->call.reply(typed(outcome.value()));
  }
}

WriterSession::Outcome WriterSession::outcome_of(const State& state, const Open& open) {
  if (open.refused) return *open.refused;
  return waiting_of(state, open);
}

std::vector<uint64_t> WriterSession::waiting_of(const State& state, const Open& open) {
  std::vector<uint64_t> waiting;
  for (const uint64_t number : open.numbers) {
    if (state.waiting.count(number) > 0) waiting.push_back(number);
  }
  return waiting;
}

void WriterSession::write(courier::Call call, WriteRequest request) {
  Answers answers;
  state_.with([&](State& state) {
    // What the writer knows to be in is in, also if this server has forgotten it.
    state.accepted = std::max(state.accepted, request.base - 1);
    state.lost.erase(state.lost.begin(), state.lost.lower_bound(request.base));
    if (request.first > state.accepted + 1 && request.awaited.empty()) {
      keep_early(state, std::move(call), std::move(request), answers);
    } else {
      take(state, std::move(call), std::move(request), answers);
    }
    while (!state.early.empty() && state.early.begin()->first <= state.accepted + 1) {
      auto next = state.early.extract(state.early.begin());
      take(state, std::move(next.mapped().call), std::move(next.mapped().request), answers);
    }
  });
  answer(answers);
  give();
}

// Under the lock.
void WriterSession::keep_early(State& state, courier::Call call, WriteRequest request,
                               Answers& answers) {
  const uint64_t first = request.first;
  // Of the same one, sent twice, the later counts: the earlier's connection is gone.
  state.early.erase(first);
  state.early.try_emplace(first, Early{std::move(call), std::move(request)});
  if (state.early.size() <= kMaxEarly) return;
  auto latest = state.early.extract(std::prev(state.early.end()));
  answers.emplace_back(
      std::make_shared<Open>(std::move(latest.mapped().call)),
      Error(Code::kFailedPrecondition, "too many writes overtook the one before: send it again"));
}

// Under the lock.
void WriterSession::take(State& state, courier::Call call, WriteRequest request, Answers& answers) {
  const auto open = std::make_shared<Open>(std::move(call));
  for (ChunkRef& chunk : request.chunks) state.chunks.try_emplace(chunk->key(), std::move(chunk));
  take_items(state, request, open);
  for (const uint64_t key : request.released) state.chunks.erase(key);
  if (request.last) state.chunks.clear();
  if (!request.awaited.empty()) {
    open->numbers = std::move(request.awaited);
    for (const uint64_t number : open->numbers) {
      const bool here = number <= state.accepted && !state.lost.contains(number);
      if (!here && !open->refused) {
        open->refused = Error(Code::kFailedPrecondition,
                              "item " + std::to_string(number) + " is not here: send it again");
      }
    }
    const auto waiting = waiting_of(state, *open);
    if (!open->refused && waiting.size() == open->numbers.size()) {
      state.awaiting.push_back(open);
      return;
    }
  }
  if (open->left == 0) answers.emplace_back(open, outcome_of(state, *open));
}

void WriterSession::take_items(State& state, const WriteRequest& request, const OpenRef& open) {
  uint64_t number = request.first;
  for (const NamedItem& item : request.items) {
    const uint64_t own = number++;
    open->numbers.push_back(own);
    if (own <= state.accepted && !state.lost.contains(own)) continue;
    if (item.chunks.empty()) {
      state.accepted = std::max(state.accepted, own);
      continue;
    }
    if (state.waiting.size() >= max_waiting_) {
      open->refused = Error(Code::kResourceExhausted, "too many items of this writer wait");
      return;
    }
    auto prepared = prepare(state, own, item);
    if (!prepared.ok() && prepared.error().code == Code::kFailedPrecondition) {
      // Not the item's fault: it will be sent again, with its chunks.
      open->refused = std::move(prepared).error();
      return;
    }
    state.accepted = std::max(state.accepted, own);
    state.lost.erase(own);
    if (!prepared.ok()) {
      if (!open->refused) open->refused = std::move(prepared).error();
      continue;
    }
    prepared.value().open = open;
    state.ready.push_back(std::move(prepared).value());
    state.waiting.insert(own);
    ++open->left;
  }
}

Result<WriterSession::Ready> WriterSession::prepare(State& state, uint64_t number,
                                                    const NamedItem& item) {
  LP_TRY_ASSIGN(auto table, tables_->named(item.table));
  std::vector<ChunkRef> chunks;
  for (const uint64_t key : item.chunks) {
    const auto found = state.chunks.find(key);
    if (found == state.chunks.end()) {
      return Error(Code::kFailedPrecondition,
                   "chunk " + std::to_string(key) + " is not here: send it again");
    }
    chunks.push_back(found->second);
  }
  LP_TRY_ASSIGN(TrajectoryRef trajectory, Trajectory::make(item.layout, chunks));
  return Ready{number, std::move(table), {item.key, item.priority, std::move(trajectory), 0}, {}};
}

// Gives what is ready to its tables. Without the lock, but by one thread at a time, so that the
// order stays.
void WriterSession::give() {
  while (true) {
    std::deque<Ready> ready = state_.with([](State& state) {
      if (state.giving || state.ready.empty()) return std::deque<Ready>();
      state.giving = true;
      return std::exchange(state.ready, {});
    });
    if (ready.empty()) return;
    for (Ready& each : ready) {
      each.table->insert(std::move(each.item), {},
                         [self = shared_from_this(), number = each.number, open = each.open](
                             const Status& status) { self->finished(number, open, status); });
    }
    Answers answers;
    state_.with([&](State& state) {
      state.giving = false;
      for (const Ready& each : ready) {
        if (--each.open->left == 0) answers.emplace_back(each.open, outcome_of(state, *each.open));
      }
    });
    answer(answers);
  }
}

void WriterSession::finished(uint64_t number, const OpenRef& open, const Status& status) {
  Answers answers;
  state_.with([&](State& state) {
    state.waiting.erase(number);
    // Its table ends, and may be back with the next server: who sends it again means it.
    if (!status.ok() && status.error().code == Code::kUnavailable) state.lost.insert(number);
    // An error goes to the write that brought the item, or to who awaits it.
    if (!status.ok() && !open->refused) open->refused = status.error();
    std::erase_if(state.awaiting, [&](const OpenRef& awaiting) {
      if (waiting_of(state, *awaiting).size() == awaiting->numbers.size()) return false;
      if (!status.ok()) awaiting->refused = status.error();
      answers.emplace_back(awaiting, outcome_of(state, *awaiting));
      return true;
    });
  });
  answer(answers);
}

uint64_t WriterSession::last() const {
  return state_.with([](const State& state) {
    uint64_t last = state.accepted;
    if (!state.waiting.empty()) last = std::min(last, *state.waiting.begin() - 1);
    if (!state.lost.empty()) last = std::min(last, *state.lost.begin() - 1);
    return last;
  });
}

void WriterSession::hear() {
  state_.with([](State& state) { state.heard = base::steady_clock().now(); });
}

void WriterSession::stop() {
  const Error stops = server_stops();
  std::map<uint64_t, Early> early;
  std::vector<OpenRef> awaiting;
  state_.with([&](State& state) {
    early.swap(state.early);
    awaiting.swap(state.awaiting);
  });
  for (auto& [number, write] : early) write.call.fail(stops);
  for (const OpenRef& open : awaiting) open->call.fail(stops);
}

bool WriterSession::idle_since(base::TimePoint before) const {
  return state_.with([&](const State& state) {
    return state.heard < before && state.waiting.empty() && state.ready.empty();
  });
}

void WriterSession::forget_chunks(base::TimePoint before) {
  state_.with([&](State& state) {
    if (state.heard < before && state.waiting.empty()) state.chunks.clear();
  });
}

}  // namespace lp::replay
