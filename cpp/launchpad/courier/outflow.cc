#include "launchpad/courier/outflow.h"

#include <utility>

#include "launchpad/courier/current_call.h"

namespace lp::courier {

std::optional<Result<wire::Payload>> Outflow::take(State& state) {
  if (!state.results.empty()) {
    StreamBatch batch{.results = std::exchange(state.results, {}),
                      .last = state.ended && !state.failure};
    state.bytes = 0;
    if (batch.last) over_.store(true, std::memory_order_release);
    return encode_batch(batch);
  }
  if (!state.ended) return std::nullopt;
  over_.store(true, std::memory_order_release);
  if (state.failure) return *state.failure;
  return encode_batch({.results = {}, .last = true});
}

void Outflow::ask(Call&& call) {
  std::optional<Result<wire::Payload>> answer;
  state_.with([&](State& state) {
    if (state.asking) {
      answer = Error(Code::kFailedPrecondition, "two asks for the same stream at a time");
    } else if (answer = take(state); !answer) {
      state.asking.emplace(std::move(call));
    }
  });
  if (!answer) return;
  state_.notify_all();  // There is room now.
  call.finish(*answer);
}

void Outflow::cancel(const Error& why) {
  std::optional<Call> asking;
  given_up_.store(true, std::memory_order_release);
  state_.with_notify([&](State& state) {
    state.results.clear();
    state.ended = true;
    state.failure = why;
    if (state.asking) asking.emplace(std::move(*state.asking));
    state.asking.reset();
    // With the lock: the thread that takes from it is the one to destroy it.
    if (state.source != nullptr) state.source->cancel();
  });
  if (asking) asking->fail(why);
}

bool Outflow::produce_one() {
  const auto source = state_.wait(
      std::nullopt,
      [](State& state) {
        return state.ended ||
               (state.results.size() < kMaxResultsAhead && state.bytes < kMaxBytesAhead);
      },
      [](State& state, bool) { return state.ended ? nullptr : state.source; });
  if (source == nullptr) return false;
  auto next = source->next();
  const bool more = next.ok() && next->has_value();
  std::optional<Call> asking;
  std::optional<Result<wire::Payload>> answer;
  state_.with([&](State& state) {
    if (state.ended) return;
    if (more) {
      state.bytes += (*next)->bytes();
      state.results.push_back(std::move(**next));
    } else {
      state.ended = true;
      if (!next.ok()) state.failure = std::move(next).error();
    }
    if (!state.asking) return;
    answer = take(state);
    asking.emplace(std::move(*state.asking));
    state.asking.reset();
  });
  if (asking) asking->finish(*answer);
  return more;
}

void Outflow::produce() {
  {
    // What the method calls meanwhile ends with the stream.
    const CurrentCall current(given_up_);
    while (produce_one()) {
    }
  }
  std::shared_ptr<wire::PayloadStream> source;
  state_.with([&](State& state) { source = std::move(state.source); });
}

}  // namespace lp::courier
