#include "launchpad/courier/wake_line.h"

#include <sched.h>

#include <algorithm>
#include <utility>

#include "launchpad/base/processors.h"

namespace lp::courier {
namespace {

// The clock is read for one in so many calls.
constexpr uint32_t kCallsPerLook = 8;
// A client that is told to sleep calls once more before it does, or twice if it finds an answer
// while it is about to.
constexpr int kCallsAtRest = 2;
// How long it took somebody to wake up is known with the second call that follows, and is so much
// of what is known of all.
constexpr int kCallsToHear = 2;
constexpr int kTurnsToLearn = 8;
// So long the line is closed once it has cost more than it brought; twice as long each time, until
// it has brought so many turns.
constexpr base::Nanos kClosed{10'000'000};
constexpr base::Nanos kLongestClosed{160'000'000};
constexpr int kTurnsThatTell = 256;

}  // namespace

WakeLine::Machine WakeLine::this_machine() {
  const auto core = [] { return static_cast<uint32_t>(::sched_getcpu()); };
  return {std::max(1, static_cast<int>(base::usable_processors()) - 1), core, base::steady_clock()};
}

void WakeLine::begin_turn(LineClient& client, base::Nanos waking) {
  if (!is_awake(client)) {
    client.awake_in_.store(round_.load(), std::memory_order_relaxed);
    awake_.fetch_add(1);
  }
  const base::TimePoint now = machine_.clock.now();
  client.turn_began_.store(now, std::memory_order_relaxed);
  heard_at_.store(now + waking, std::memory_order_relaxed);
}

// Who thinks before each call tells nothing of how long it took to wake up.
void WakeLine::hear_woken(LineClient& client, int calls_to_hear) {
  const base::TimePoint now = machine_.clock.now();
  const base::TimePoint began = client.turn_began_.load(std::memory_order_relaxed);
  client.calls_to_hear_.store(calls_to_hear - 1, std::memory_order_relaxed);
  if (calls_to_hear == kCallsToHear) {
    client.waking_.store(now - began, std::memory_order_relaxed);
    client.turn_began_.store(now, std::memory_order_relaxed);
    return;
  }
  const base::Nanos took = client.waking_.load(std::memory_order_relaxed);
  if (now - began >= kPatience || took >= kLongestWaking) return;
  const base::Nanos known = waking_.load(std::memory_order_relaxed);
  const base::Nanos wanted = std::clamp(2 * took, kPatience, kLongestWaking);
  waking_.store(known + (wanted - known) / kTurnsToLearn, std::memory_order_relaxed);
}

void WakeLine::note_asleep(LineClient& client) {
  if (client.awake_in_.exchange(0, std::memory_order_relaxed) == round_.load()) awake_.fetch_sub(1);
}

void WakeLine::end_turn(LineClient& client, shm::Rest rest) {
  client.ask_to_rest(rest);
  client.resting_.store(kCallsAtRest, std::memory_order_relaxed);
  note_asleep(client);
}

void WakeLine::called(LineClient& client) {
  client.single_.store(true, std::memory_order_relaxed);
  if (const int calls = client.calls_to_hear_.load(std::memory_order_relaxed); calls > 0)
    hear_woken(client, calls);
  if (const int calls = client.resting_.load(std::memory_order_relaxed); calls > 0) {
    client.resting_.store(calls - 1, std::memory_order_relaxed);
    return;
  }
  if (!is_awake(client)) {
    if (has_core()) return begin_turn(client);
    return end_turn(client, waits() ? shm::Rest::kYes : shm::Rest::kIfCrowded);
  }
  if (!waits()) return;
  // Of two threads one may count too few.
  const uint32_t calls = calls_.load(std::memory_order_relaxed) + 1;
  calls_.store(calls, std::memory_order_relaxed);
  if (calls % kCallsPerLook != 0) return;
  const int waiting = waiting_.load(std::memory_order_relaxed);
  const base::Nanos turn = std::min(kTurn + waiting * kTurnForEach, kLongestTurn);
  const base::TimePoint began = client.turn_began_.load(std::memory_order_relaxed);
  if (machine_.clock.now() - began < turn) return;
  end_turn(client, shm::Rest::kYes);
  turn_over_.store(has_core());
  credit_.store(std::min(credit_.load(std::memory_order_relaxed) + kTurnIsWorth, kMostCredit));
  if (turns_.fetch_add(1, std::memory_order_relaxed) == kTurnsThatTell) closings_.store(0);
}

void WakeLine::called_often(LineClient& client) {
  if (!client.single_.load(std::memory_order_relaxed)) return;
  client.single_.store(false, std::memory_order_relaxed);
  client.resting_.store(0, std::memory_order_relaxed);
  note_asleep(client);
}

bool WakeLine::join(const std::shared_ptr<LineClient>& client) {
  if (!client->single_.load(std::memory_order_relaxed)) return false;
  client->resting_.store(0, std::memory_order_relaxed);
  note_asleep(*client);
  if (has_core() && !waits()) {
    begin_turn(*client);
    return false;
  }
  line_.with([&](Line& line) {
    if (std::exchange(client->waits_, true)) return;
    line.waiting.push_back({client, client->core()});
    waiting_.store(static_cast<int>(line.waiting.size()));
  });
  return true;
}

// Whoever slept where this thread runs would wait for its core: the others come first, once each.
WakeLine::Waiting WakeLine::take_first() {
  const uint32_t here = machine_.core();
  return line_.with([&](Line& line) -> Waiting {
    auto& waiting = line.waiting;
    if (waiting.empty()) return {};
    auto first = waiting.begin();
    if (first->core == here && line.passed_over < waiting.size()) {
      first = std::find_if(first, waiting.end(),
                           [&](const Waiting& each) { return each.core != here; });
      if (first == waiting.end()) first = waiting.begin();
    }
    line.passed_over = first == waiting.begin() ? 0 : line.passed_over + 1;
    Waiting taken = std::move(*first);
    waiting.erase(first);
    taken.client->waits_ = false;
    waiting_.store(static_cast<int>(waiting.size()));
    return taken;
  });
}

WakeLine::Pause WakeLine::pause() {
  if (awake_.load() <= 0) return Pause::kOver;
  const base::TimePoint now = machine_.clock.now();
  if (const uint32_t calls = calls_.load(); calls_seen_.exchange(calls) != calls)
    heard_at_.store(now, std::memory_order_relaxed);
  if (now - heard_at_.load(std::memory_order_relaxed) < kPatience) return Pause::kWaking;
  // They do something else, are gone, or wait for a core.
  awake_.store(0);
  round_.fetch_add(1);
  return Pause::kOver;
}

bool WakeLine::open() {
  if (!closed_.load(std::memory_order_relaxed)) return true;
  if (machine_.clock.now() < closed_until_.load()) return false;
  closed_.store(false);
  return true;
}

bool WakeLine::next() {
  if (!wake_first()) return false;
  if (credit_.fetch_sub(1) > 0) return true;
  credit_.store(kMostCredit);
  turns_.store(0);
  closed_until_.store(machine_.clock.now() +
                      std::min(kClosed * (1 << std::min(closings_.load(), 8)), kLongestClosed));
  closings_.fetch_add(1);
  closed_.store(true);
  return true;
}

bool WakeLine::wake_first() {
  turn_over_.store(false);
  while (waits()) {
    const auto client = take_first().client;
    if (client == nullptr) return false;
    if (!client->wake()) continue;
    begin_turn(*client, waking_.load(std::memory_order_relaxed) - kPatience);
    client->calls_to_hear_.store(kCallsToHear, std::memory_order_relaxed);
    calls_seen_.store(calls_.load());
    return true;
  }
  return false;
}

void WakeLine::wake_all() {
  while (wake_first()) {
  }
}

}  // namespace lp::courier
