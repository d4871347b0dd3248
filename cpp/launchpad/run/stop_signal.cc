#include "launchpad/run/stop_signal.h"

#include <exception>
#include <string>
#include <utility>

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
  std::map<uint64_t, std::function<void()>> handlers;
  bool first = false;
  state_.with_notify([&](State& state) {
    first = !std::exchange(state.requested, true);
    if (first) handlers.swap(state.handlers);
  });
  if (!first) return;
  for (const auto& [number, handler] : handlers) run_handler(handler);
  state_.with_notify([](State& state) { state.handled = true; });
}

bool StopSignal::requested() const {
  return state_.with([](const State& state) { return state.requested; });
}

bool StopSignal::wait(const base::Deadline& deadline) {
  return state_.wait(
      deadline.at(), [](State& state) { return state.requested; },
      [](State&, bool requested) { return requested; });
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
  state_.with([&](State& state) { state.handlers.erase(number); });
}

}  // namespace lp::run
