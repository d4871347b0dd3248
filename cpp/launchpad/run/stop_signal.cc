#include "launchpad/run/stop_signal.h"

#include <exception>
#include <string>
#include <utility>

#include "launchpad/base/event.h"
#include "launchpad/base/log.h"

namespace lp::run {
namespace {

void run_handler(const std::function<void()>& handler) {
  try {
    handler();
  } catch (const std::exception& error) {
    base::log(base::LogLevel::kError, std::string("a stop handler failed: ") + error.what());
  } catch (...) {
    base::log(base::LogLevel::kError, "a stop handler failed");
  }
}

}  // namespace

void StopSignal::request() {
  bool first = false;
  state_.with_notify([&](State& state) {
    first = !std::exchange(state.requested, true);
    if (!first) return;
    state.thread = std::this_thread::get_id();
    if (state.event.valid()) base::set_event(state.event.get());
  });
  if (!first) return;
  for (std::function<void()> handler = next_handler(); handler; handler = next_handler())
    run_handler(handler);
  state_.with_notify([](State& state) { state.handled = true; });
}

// The one that ran has ended; empty: none is left.
std::function<void()> StopSignal::next_handler() {
  std::function<void()> handler;
  state_.with_notify([&](State& state) {
    state.running = 0;
    if (state.handlers.empty()) return;
    auto taken = state.handlers.extract(state.handlers.begin());
    state.running = taken.key();
    handler = std::move(taken.mapped());
  });
  return handler;
}

bool StopSignal::requested() const {
  return state_.with([](const State& state) { return state.requested; });
}

bool StopSignal::wait(const base::Deadline& deadline) {
  return state_.wait(
      deadline.at(), [](State& state) { return state.requested; },
      [](State&, bool requested) { return requested; });
}

int StopSignal::fd() {
  return state_.with([](State& state) {
    if (!state.event.valid()) {
      state.event = base::make_event();
      if (state.requested && state.event.valid()) base::set_event(state.event.get());
    }
    return state.event.get();
  });
}

void StopSignal::wait_for_handlers() {
  state_.wait(
      std::nullopt, [](State& state) { return !state.requested || state.handled; },
      [](State&, bool) {});
}

uint64_t StopSignal::add_handler(std::function<void()> handler) {
  const uint64_t number = state_.with([&](State& state) -> uint64_t {
    if (state.requested) return 0;
    state.handlers.emplace(state.next, handler);
    return state.next++;
  });
  if (number == 0) run_handler(handler);
  return number;
}

void StopSignal::remove_handler(uint64_t number) {
  if (number == 0) return;  // It ran when it was added.
  state_.wait(
      std::nullopt,
      [&](State& state) {
        state.handlers.erase(number);
        return state.running != number || state.thread == std::this_thread::get_id();
      },
      [](State&, bool) {});
}

}  // namespace lp::run
