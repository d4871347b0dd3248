#include "launchpad/replay/writer_core.h"

#include <pthread.h>

#include <cmath>

#include "launchpad/base/log.h"
#include "launchpad/courier/future.h"
#include "launchpad/replay/shards.h"

namespace lp::replay {
namespace {

// Of one writer, so that one that is slow does not fill the server.
constexpr size_t kMaxCalls = 8;
constexpr uint64_t kMaxSentItems = 512;
constexpr size_t kMaxItemsOfCall = 128;
constexpr size_t kMaxBytesOfCall = 4 << 20;
// So many items without a confirmation are worth a warning, once.
constexpr int64_t kManyPending = 10'000;

Error closed_error() { return Error(Code::kCancelled, "TrajectoryWriter::Close has been called."); }

}  // namespace

WriterCore::WriterCore(std::shared_ptr<courier::Channel> channel, TrajectoryWriterOptions options,
                       const std::vector<TableInfo>& tables)
    : channel_(std::move(channel)),
      options_(std::move(options)),
      // Sessions of different writers must differ.
      state_(options_, base::unique_seed()) {
  for (const TableInfo& table : tables)
    tables_.emplace(table.name, KnownTable{table.signature, table.sampler, table.remover});
}

void WriterCore::start() {
  thread_ = std::thread([this] { work(); });
}

int64_t WriterCore::close() {
  std::vector<std::shared_ptr<courier::Pending>> calls;
  const int64_t dropped = state_.with([&](State& state) {
    if (state.closed) return int64_t{0};
    state.closed = true;
    calls.assign(state.calls.begin(), state.calls.end());
    return state.unconfirmed;
  });
  state_.notify_all();
  for (const auto& call : calls) channel_->cancel(call);
  const std::lock_guard lock(join_);
  if (!thread_.joinable()) return dropped;
  thread_.join();
  say_goodbye();
  return dropped;
}

// The server may forget this writer. If it does not hear it, it will in time.
void WriterCore::say_goodbye() {
  WriteRequest request;
  const bool known = state_.with([&](State& state) {
    request.session = state.session;
    request.base = request.first = state.next;
    return state.unsent > 1 && !state.broken;
  });
  request.last = true;
  if (!known) return;
  (void)channel_->start(kWriteCall, encode(request), base::Deadline::after(std::chrono::seconds(1)),
                        [](const courier::Answer&) {});
}

Status WriterCore::check(const State& state) const {
  if (state.closed) return closed_error();
  if (state.failed) return *state.failed;
  return {};
}

Status WriterCore::append(std::span<const Cell> cells, bool partial) {
  return state_.with([&](State& state) -> Status {
    LP_TRY(check(state));
    return state.steps.append(cells, partial);
  });
}

Status WriterCore::configure(size_t column, int64_t keep_alive,
                             std::optional<int64_t> max_chunk_length) {
  return state_.with([&](State& state) -> Status {
    LP_TRY(check(state));
    return state.steps.configure(column, keep_alive, max_chunk_length);
  });
}

// What the table would refuse later, when it would take the writer's other items with it.
Status WriterCore::check_item(std::string_view table, double priority, const CutItem& item) const {
  const auto found = tables_.find(table);
  if (found == tables_.end()) {
    return Error(Code::kInvalidArgument, "Unable to create item in table '" + std::string(table) +
                                             "' since the table could not be found.");
  }
  const KnownTable& known = found->second;
  LP_TRY(check_priority(known.sampler, known.remover, priority));
  return known.signature ? check_signature(table, *known.signature, item.shapes) : Status();
}

Result<uint64_t> WriterCore::create_item(std::string_view table, double priority,
                                         std::span<const TrajectoryColumn> columns) {
  if (std::isnan(priority)) return Error(Code::kInvalidArgument, "`priority` must not be nan.");
  bool many = false;
  auto key = state_.with([&](State& state) -> Result<uint64_t> {
    LP_TRY(check(state));
    LP_TRY_ASSIGN(CutItem cut, state.steps.cut(columns));
    if (options_.validate_items) LP_TRY(check_item(table, priority, cut));
    Pending pending;
    pending.number = state.next++;
    const uint64_t own = key_at(state.rng(), options_.key_modulus, options_.key_is);
    pending.item = {std::string(table), own, priority, std::move(cut.layout), {}};
    for (const SlotRef& slot : cut.slots) pending.item.chunks.push_back(slot->key);
    pending.slots = std::move(cut.slots);
    pending.created = base::steady_clock().now();
    const uint64_t key = pending.item.key;
    state.items.push_back(std::move(pending));
    many = ++state.unconfirmed == kManyPending;
    return key;
  });
  state_.notify_all();
  if (many) {
    base::log(base::LogLevel::kWarning,
              "a replay writer has " + std::to_string(kManyPending) +
                  " items that are not in their tables yet: call flush(n) now and then to wait");
  }
  return key;
}

Status WriterCore::flush(int64_t block_until, const base::Deadline& deadline) {
  if (block_until < 0) {
    return Error(Code::kInvalidArgument,
                 "block_until_num_items must not be negative, got " + std::to_string(block_until));
  }
  uint64_t told = 0;
  state_.with_notify([&](State& state) {
    told = state.retry.told();
    const auto kept = static_cast<uint64_t>(block_until);
    const uint64_t last = state.next - 1;
    if (last > kept) state.forced = std::max(state.forced, last - kept);
  });
  return state_.wait(
      deadline.at(),
      [&](State& state) {
        return state.unconfirmed <= block_until || state.failed || state.closed ||
               state.retry.stopped_since(told);
      },
      [&](State& state, bool) -> Status {
        LP_TRY(check(state));
        if (state.unconfirmed <= block_until) return {};
        if (state.retry.stopped_since(told)) return state.retry.stop();
        return Error(Code::kDeadlineExceeded,
                     "Flush call did not complete in time: " + std::to_string(state.unconfirmed) +
                         " items are not known to be in their tables");
      });
}

Status WriterCore::end_episode(bool clear_buffers, const base::Deadline& deadline) {
  Status flushed = flush(0, deadline);
  state_.with([&](State& state) { state.steps.begin_episode(clear_buffers); });
  return flushed;
}

int64_t WriterCore::pending() const {
  return state_.with([](const State& state) { return state.unconfirmed; });
}

// ---- Sending.

const WriterCore::Pending& WriterCore::item_at(const State& state, uint64_t number) const {
  return state.items[number - state.items.front().number];
}

// When the first unsent item stops waiting for its chunks; none: nothing waits.
std::optional<base::TimePoint> WriterCore::next_linger(const State& state) const {
  if (state.unsent >= state.next) return std::nullopt;
  const Pending& item = item_at(state, state.unsent);
  if (item.number <= state.forced) return item.created;
  for (const SlotRef& slot : item.slots) {
    if (!slot->full) return item.created + options_.linger;
  }
  return item.created;
}

bool WriterCore::may_send(const State& state) {
  return !state.failed && !state.broken && state.in_flight < kMaxCalls &&
         state.sent_items < kMaxSentItems;
}

bool WriterCore::can_send(const State& state, base::TimePoint now) const {
  const auto due = may_send(state) ? next_linger(state) : std::nullopt;
  return due && *due <= now;
}

WriterCore::Next WriterCore::what_next(const State& state) const {
  if (state.closed) return Next::kEnd;
  if (state.failed) return Next::kLook;
  if (state.broken) return state.in_flight == 0 ? Next::kRecover : Next::kLook;
  if (!state.awaited.empty() && !state.awaiting) return Next::kAwait;
  return can_send(state, base::steady_clock().now()) ? Next::kSend : Next::kLook;
}

void WriterCore::work() {
  ::pthread_setname_np(::pthread_self(), "lp-writer");
  while (true) {
    const auto due = state_.with([&](State& state) -> std::optional<base::TimePoint> {
      return may_send(state) ? next_linger(state) : std::nullopt;
    });
    Next next = Next::kLook;
    base::Nanos pause{0};
    Result<Outgoing> outgoing = Outgoing{};
    state_.wait(
        due,
        [&](State& state) {
          // Or another item became the first to wait.
          return what_next(state) != Next::kLook || (!due && may_send(state) && next_linger(state));
        },
        [&](State& state, bool) {
          next = what_next(state);
          if (next == Next::kRecover) pause = state.retry.next_pause();
          if (next == Next::kSend) outgoing = next_write(state, base::steady_clock().now());
          if (next == Next::kAwait) outgoing = next_await(state);
          if (!outgoing.ok()) state.failed = outgoing.error();
        });
    if (next == Next::kEnd) return;
    if (!outgoing.ok()) {
      state_.notify_all();
    } else if (next == Next::kSend || next == Next::kAwait) {
      send(std::move(outgoing).value());
    } else if (next == Next::kRecover) {
      state_.wait(
          base::Deadline::after(pause).at(), [](State& state) { return state.closed; },
          [&](State& state, bool) { recover(state); });
    }
  }
}

// Under the lock: asks for the items that wait for their tables.
WriterCore::Outgoing WriterCore::next_await(State& state) {
  Outgoing outgoing;
  outgoing.request.session = state.session;
  outgoing.request.base = outgoing.request.first = state.items.front().number;
  outgoing.request.awaited.assign(state.awaited.begin(), state.awaited.end());
  outgoing.numbers = outgoing.request.awaited;
  state.awaiting = true;
  ++state.in_flight;
  return outgoing;
}

// Under the lock: as many items as are due and fit one call.
Result<WriterCore::Outgoing> WriterCore::next_write(State& state, base::TimePoint now) {
  Outgoing outgoing;
  outgoing.request.session = state.session;
  outgoing.request.base = state.items.front().number;
  outgoing.request.first = state.unsent;
  size_t bytes = 0;
  while (outgoing.numbers.size() < kMaxItemsOfCall && bytes < kMaxBytesOfCall) {
    const auto due = next_linger(state);
    if (!due || *due > now) break;
    Pending& pending = state.items[state.unsent - state.items.front().number];
    if (!pending.confirmed) ++state.sent_items;
    LP_TRY(add_item(state, pending, outgoing, bytes));
    outgoing.numbers.push_back(state.unsent++);
  }
  release(state, outgoing);
  ++state.in_flight;
  return outgoing;
}

Status WriterCore::add_item(State& state, Pending& pending, Outgoing& outgoing, size_t& bytes) {
  for (const SlotRef& slot : pending.slots) {
    LP_TRY(state.steps.seal(*slot));
    if (slot->sent) continue;
    slot->sent = true;
    state.sent.push_back(slot);
    outgoing.request.chunks.push_back(slot->chunk);
    bytes += slot->chunk->data().size();
  }
  outgoing.request.items.push_back(pending.item);
  return {};
}

// Chunks that only the list knows any more: no later item can use them.
void WriterCore::release(State& state, Outgoing& outgoing) {
  std::erase_if(state.sent, [&](const SlotRef& slot) {
    if (slot.use_count() > 1) return false;
    outgoing.request.released.push_back(slot->key);
    return true;
  });
}

void WriterCore::send(Outgoing outgoing) {
  const auto done = std::make_shared<bool>(false);  // Under the lock.
  const wire::Payload payload = encode(outgoing.request);
  outgoing.request.chunks.clear();
  outgoing.request.items.clear();
  const auto sent = std::make_shared<const Outgoing>(std::move(outgoing));
  auto call =
      channel_->start(kWriteCall, payload, {},
                      [self = shared_from_this(), sent, done](const courier::Answer& answer) {
                        self->answered(*sent, answer, *done);
                      });
  if (!call.ok()) return answered(*sent, call.error(), *done);
  const bool unwanted = state_.with([&](State& state) {
    if (!*done) state.calls.insert(call.value());
    return state.closed || state.broken;
  });
  if (unwanted) channel_->cancel(call.value());
}

void WriterCore::answered(const Outgoing& outgoing, const courier::Answer& answer, bool& done) {
  Result<std::vector<uint64_t>> waiting =
      courier::decode_answer<std::vector<uint64_t>>(answer, kWriteCall);
  const bool stopped = channel_->stopped();
  std::vector<std::shared_ptr<courier::Pending>> to_cancel;
  state_.with_notify([&](State& state) {
    done = true;
    --state.in_flight;
    const bool awaited = !outgoing.request.awaited.empty();
    if (awaited) state.awaiting = false;
    std::erase_if(state.calls, [](const auto& call) { return call.use_count() == 1; });
    if (waiting.ok()) return confirm(state, outgoing, waiting.value());
    fail(state, stop_of(channel_->server_name(), waiting.error()), stopped);
    if (state.broken) to_cancel.assign(state.calls.begin(), state.calls.end());
  });
  // What is on its way may wait for what was lost.
  for (const auto& call : to_cancel) channel_->cancel(call);
}

// Under the lock: its items are in their tables, but for those that wait.
void WriterCore::confirm(State& state, const Outgoing& outgoing,
                         const std::vector<uint64_t>& waiting) {
  state.retry.worked();
  // After a break all is asked anew.
  if (state.broken) return;
  const std::set<uint64_t> left(waiting.begin(), waiting.end());
  for (const uint64_t number : outgoing.numbers) {
    if (left.count(number) > 0) {
      state.awaited.insert(number);
      continue;
    }
    state.awaited.erase(number);
    if (state.items.empty() || number < state.items.front().number) continue;
    Pending& item = state.items[number - state.items.front().number];
    if (item.confirmed) continue;
    item.confirmed = true;
    // Sent again, it only keeps its place in the order.
    item.item.chunks.clear();
    item.slots.clear();
    --state.unconfirmed;
    --state.sent_items;
  }
  while (!state.items.empty() && state.items.front().confirmed) state.items.pop_front();
}

// Under the lock.
void WriterCore::fail(State& state, const Error& error, bool stopped) {
  if (state.closed || (state.broken && error.code == Code::kCancelled)) return;
  const bool ended = !state.retry.failed(base::steady_clock().now(), error, stopped) ||
                     channel_->options().prebound;
  if (error.code == Code::kFailedPrecondition || (error.code == Code::kUnavailable && !ended)) {
    state.broken = true;
  } else if (!state.failed) {
    state.failed = error;
  }
}

// Under the lock, when no call is in flight: all that is not confirmed will be sent again.
void WriterCore::recover(State& state) {
  state.broken = false;
  state.unsent = state.items.empty() ? state.next : state.items.front().number;
  state.sent_items = 0;
  state.awaited.clear();
  for (const SlotRef& slot : state.sent) slot->sent = false;
  state.sent.clear();
  state.calls.clear();
}

}  // namespace lp::replay
