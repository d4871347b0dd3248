#include "launchpad/courier/inflow.h"

#include <utility>

#include "launchpad/courier/current_call.h"
#include "launchpad/courier/stream_batch.h"

namespace lp::courier {

Inflow::Inflow(std::shared_ptr<Channel> channel, std::weak_ptr<Link> link, uint64_t id,
               std::string method, std::optional<base::Nanos> patience)
    : channel_(std::move(channel)),
      link_(std::move(link)),
      id_(id),
      method_(std::move(method)),
      patience_(patience) {}

Inflow::~Inflow() {
  state_.with([&](State& state) {
    if (!state.last && !state.failure) channel_->end_stream(id_, std::move(state.asked));
  });
}

std::optional<Result<std::optional<wire::Payload>>> Inflow::take_or_await(
    std::shared_ptr<Pending>& asked) {
  using Taken = std::optional<Result<std::optional<wire::Payload>>>;
  return state_.with([&](State& state) -> Taken {
    if (!state.results.empty()) {
      wire::Payload result = std::move(state.results.front());
      state.results.pop_front();
      return std::optional(std::move(result));
    }
    if (state.failure) return *state.failure;
    if (state.last) return std::optional<wire::Payload>();
    if (state.awaited)
      return Error(Code::kFailedPrecondition,
                   "somebody else waits for the next result of '" + method_ +
                       "' already: take from a stream on one thread at a time");
    state.awaited = true;
    asked = state.asked;
    return std::nullopt;
  });
}

Result<std::shared_ptr<Pending>> Inflow::asked(std::shared_ptr<Pending> on_its_way) {
  if (on_its_way != nullptr) return on_its_way;
  auto started = channel_->ask_stream(id_, link_);
  if (!started.ok()) return started;
  const bool closed = state_.with([&](State& state) {
    if (!state.closed) state.asked = started.value();
    return state.closed;
  });
  if (closed) channel_->cancel(started.value());
  return started;
}

Result<std::optional<wire::Payload>> Inflow::next() {
  while (true) {
    std::shared_ptr<Pending> on_its_way;
    if (auto taken = take_or_await(on_its_way)) return std::move(*taken);
    auto started = asked(std::move(on_its_way));
    if (!started.ok()) {
      settle(std::move(started).error());
      continue;
    }
    const base::Deadline deadline =
        CurrentCall::limit(patience_ ? base::Deadline::after(*patience_) : base::Deadline());
    if (channel_->wait_done(started.value(), deadline)) {
      settle(channel_->wait(started.value()));
      continue;
    }
    stop_awaiting();
    if (auto gone = CurrentCall::gone()) return std::move(*gone);
    if (!deadline.passed()) return Error(Code::kAborted, "interrupted");
    return too_late();
  }
}

Error Inflow::too_late() const {
  return Error(Code::kDeadlineExceeded, channel_->server_name() + " gave no further result of '" +
                                            method_ + "' before the deadline");
}

bool Inflow::ready() {
  return state_.with([](State& state) { return state.ready(); });
}

bool Inflow::when_ready(std::function<void()> callback) {
  std::shared_ptr<Pending> on_its_way;
  const bool waits = state_.with([&](State& state) {
    if (state.ready() || state.awaited) return false;
    state.awaited = true;
    on_its_way = state.asked;
    return true;
  });
  if (!waits) return false;
  auto started = asked(std::move(on_its_way));
  if (!started.ok()) {
    settle(std::move(started).error());
    return false;
  }
  const bool registered = channel_->on_answer(
      started.value(), [weak = weak_from_this(), callback = std::move(callback)](Answer answer) {
        if (const auto inflow = weak.lock()) inflow->settle(std::move(answer));
        callback();
      });
  if (!registered) settle(channel_->wait(started.value()));
  return registered;
}

// The next ask leaves before anybody can take what this one brought, and so ask as well.
void Inflow::settle(Answer answer) {
  auto batch = answer.ok() ? decode_batch(answer.value()) : Result<StreamBatch>(answer.error());
  std::shared_ptr<Pending> next;
  if (batch.ok() && !batch->last) {
    // Should it fail, whoever takes the last of these learns why.
    if (auto started = channel_->ask_stream(id_, link_); started.ok())
      next = std::move(started).value();
  }
  const bool closed = state_.with([&](State& state) {
    state.asked.reset();
    state.awaited = false;
    if (state.closed) return true;
    state.asked = next;
    if (!batch.ok()) {
      state.failure = batch.error();
      return false;
    }
    for (wire::Payload& result : batch->results) state.results.push_back(std::move(result));
    state.last = batch->last;
    return false;
  });
  if (closed && next != nullptr) channel_->cancel(next);
}

void Inflow::stop_awaiting() {
  state_.with([](State& state) { state.awaited = false; });
}

void Inflow::cancel() {
  std::shared_ptr<Pending> on_its_way;
  const bool open = state_.with([&](State& state) {
    const bool was_open = !state.last && !state.failure;
    state.closed = state.last = true;
    state.results.clear();
    on_its_way = std::move(state.asked);
    return was_open;
  });
  if (!open) return;
  if (on_its_way != nullptr) channel_->cancel(on_its_way);
  channel_->end_stream(id_, nullptr);
}

}  // namespace lp::courier
