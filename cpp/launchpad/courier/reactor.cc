#include "launchpad/courier/reactor.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <utility>

#include "launchpad/base/event.h"
#include "launchpad/base/log.h"
#include "launchpad/base/processors.h"

namespace lp::courier {
namespace {

// A thread that runs queued calls looks at the clock, and at the doorbell, after so many,
constexpr int kCallsPerLook = 16;
// which are quick if they took no longer than this together: to wake another thread takes as long.
// Once it may have lost its core, to a thread that was woken needlessly: helpers would go on so.
constexpr base::Nanos kQuickCalls{32'000};
constexpr int kSlowLooks = 2;
// A client's turn while others wait is quick if it took no longer than this; one of so many is
// timed. Those that are not may be one in so many: a thread may have lost its core.
constexpr base::Nanos kQuickTurn{10'000};
constexpr int kTurnsPerLook = 4;
constexpr int kQuickPerSlow = 8;
constexpr int kMostQuick = 64;
// A client's turn has paused after so many looks.
constexpr int kPauseLooks = 64;
// A thread whose core others took so often in a row moves to another one, if that idles: so often
// at most, and how often it is seen whether one does.
constexpr int kCrowdedLooks = 16;
constexpr base::Nanos kBetweenMoves{5'000'000};
constexpr base::Nanos kBetweenCounts{500'000};
// Who rings waits no longer than about this for it.
constexpr base::Nanos kRingPatience{200'000};

// Where this thread is expected to wait soon.
thread_local const Reactor* expected_at = nullptr;
// Where this thread works for a client while others wait.
thread_local const Reactor* busy_at = nullptr;

// The queued calls that this thread runs.
struct Queued {
  const Reactor* at = nullptr;
  int calls = 0;
  int slow_looks = 0;                      // In a row.
  std::optional<base::TimePoint> since{};  // The last look.
  std::optional<base::TimePoint> rung_since{};
  bool promised = false;  // To look when they are done,
  bool given_up = false;  // and was waited for too long.
};
thread_local Queued queued;

// The turns that this thread gives to clients while others wait.
struct Turns {
  int count = 0;
  int quick = 0;                           // How many more than those that were not, weighed.
  int quick_by_call = 0;                   // The same, for the calls that came in a turn.
  std::optional<base::TimePoint> since{};  // When this one began, if it is timed.
};
thread_local Turns turns;

// Whether most are quick, with one more that is or is not.
bool weigh(int& quick, bool one_more) {
  quick = std::clamp(quick + (one_more ? 1 : -kQuickPerSlow), -kQuickPerSlow, kMostQuick);
  return quick >= 0;
}

bool control(int epoll, int operation, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

Reactor::Reactor()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      ended_(base::make_event()),
      relay_(base::make_event()) {
  made_ = [&]() -> Status {
    LP_TRY(watch(timer_.fd(), EPOLLIN | EPOLLET));
    LP_TRY(watch(relay_.get(), EPOLLIN | EPOLLET));
    return watch(ended_.get(), EPOLLIN);
  }();
  // Without memory for it, connections stay sockets.
  if (auto made = shm::Doorbell::create(); made.ok()) doorbell_ = std::move(made).value();
}

Status Reactor::watch(int fd, uint32_t events) {
  if (control(epoll_.get(), EPOLL_CTL_ADD, fd, events)) return {};
  return Error(Code::kResourceExhausted,
               std::string("no file descriptors left for a server: ") + std::strerror(errno));
}

void Reactor::rewatch(int fd, uint32_t events) { control(epoll_.get(), EPOLL_CTL_MOD, fd, events); }

void Reactor::unwatch(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

std::optional<Reactor::Event> Reactor::look() {
  if (!has_rings()) return std::nullopt;
  if (std::exchange(busy_at, nullptr) == this) busy_.fetch_sub(1);
  Looker looker{.counted = std::exchange(expected_at, nullptr) == this};
  const bool promised = queued.at == this && queued.promised;
  queued.at = nullptr;
  if (turns.since) time_turn();
  queued.calls = 0;
  if (promised && change_promise(Promise::kAway, Promise::kBack)) {
    if (looker.counted) doorbell_->look(false);
    looker = {.counted = true, .promised = true};
  }
  if (!looker.counted && this->promised()) return std::nullopt;
  return look_for_ring(looker);
}

Reactor::Event Reactor::sleep() {
  if (has_rings() && at_sockets_.load() > 0) {
    if (auto event = sleep_at_doorbell()) return std::move(*event);
  }
  return sleep_at_sockets();
}

Reactor::Event Reactor::sleep_at_sockets() {
  Event event;
  at_sockets_.fetch_add(1);
  if (has_rings()) {
    doorbell_->ask_for_poke();
    if (!promised() && doorbell_->rung()) {
      at_sockets_.fetch_sub(1);
      return event;
    }
  }
  epoll_event got{};
  const int count = ::epoll_wait(epoll_.get(), &got, 1, -1);
  at_sockets_.fetch_sub(1);
  // Who poked has used up what was asked for; others may still wait here.
  if (has_rings()) doorbell_->ask_for_poke();
  if (count > 0 && got.data.fd == relay_.get()) return take_rung({}).value_or(Event{});
  if (count <= 0 || got.data.fd == ended_.get()) return event;
  event.fd = got.data.fd;
  event.events = got.events;
  event.kind = event.fd == timer_.fd() ? Event::Kind::kTimer : Event::Kind::kDescriptor;
  if (event.kind == Event::Kind::kTimer) timer_.drain();
  return event;
}

std::optional<Reactor::Event> Reactor::sleep_at_doorbell() {
  const auto bed = doorbell_->enter();
  // The sockets must not be left alone.
  const bool needed = at_sockets_.load() > 0;
  if (needed && !ending_.load() && (promised() || !doorbell_->rung())) doorbell_->sleep(bed);
  doorbell_->leave(bed);
  summoned_.store(false);
  if (!needed) return std::nullopt;
  // It was woken to be here, where another looks.
  if (promised()) return Event{};
  auto event = take_rung({});
  return event ? std::move(event) : Event{};
}

std::optional<Reactor::Event> Reactor::look_for_ring(Looker looker) {
  if (wake_line_.waits() && !takes_turns()) wake_line_.wake_all();
  wake_line_.pass_turn();
  bool rung = doorbell_->rung();
  if (!rung && std::exchange(looker.promised, false)) promised_.store(Promise::kNone);
  // Whoever looked may have been about to stop when somebody came to wait in line.
  bool again = !rung;
  while (again && !looking_.exchange(true)) {
    if (!looker.counted) doorbell_->look(true);
    looker.counted = true;
    if (wake_line_.waits()) wake_in_line();
    rung = spin_.until([&] { return doorbell_->rung() || ending_.load() || wake_line_.waits(); }) &&
           doorbell_->rung();
    leave_crowd();
    looking_.store(false);
    again = !rung && wake_line_.waits() && !ending_.load();
  }
  if (rung) return take_rung(looker);
  look_no_more(looker);
  return std::nullopt;
}

// Until somebody rings, or nobody waits.
void Reactor::wake_in_line() {
  while (wake_line_.waits() && !ending_.load()) {
    for (int i = spin_.crowded() ? 1 : kPauseLooks; i > 0; --i) {
      if (doorbell_->rung()) return;
      shm::Spin::relax();
    }
    const WakeLine::Pause pause = wake_line_.pause();
    spin_.lend();
    if (doorbell_->rung()) return;
    if (pause == WakeLine::Pause::kOver) wake_line_.next();
  }
}

// Where this thread and its client share a core while another one idles, the system may leave them
// there for many milliseconds, since both give their core away all the time.
void Reactor::leave_crowd() {
  crowded_looks_ = spin_.crowded() ? crowded_looks_ + 1 : 0;
  if (crowded_looks_ < kCrowdedLooks) return;
  crowded_looks_ = 0;
  const base::TimePoint now = base::steady_clock().now();
  if (now < move_at_) return;
  const bool idles = base::running_threads() <= base::processors();
  move_at_ = now + (idles ? kBetweenMoves : kBetweenCounts);
  if (idles) base::change_core();
}

// Not while turns take long, since calls do, or others have the machine: who waits would wait for
// that.
bool Reactor::takes_turns() {
  return quick_turns_.load() && promises_.load() && !ending_.load() && wake_line_.open();
}

void Reactor::called(LineClient& client) {
  if (takes_turns()) wake_line_.called(client);
}

bool Reactor::stand_in_line(const std::shared_ptr<LineClient>& client) {
  return takes_turns() && wake_line_.join(client);
}

void Reactor::answered() {
  line_comes_();
  if (!takes_turns()) wake_line_.wake_all();
}

void Reactor::look_no_more(Looker& looker) {
  if (looker.promised) promised_.store(Promise::kNone);
  if (looker.counted) doorbell_->look(false);
  looker = {};
}

// To read takes less than to wake another thread, and the client may go on writing: this one still
// counts as a looker until it runs a call.
void Reactor::read_first(const Looker& looker) {
  if (looker.promised) promised_.store(Promise::kNone);
  if (!looker.counted) doorbell_->look(true);
  expected_at = this;
}

std::optional<Reactor::Event> Reactor::take_rung(Looker looker) {
  const auto number = doorbell_->take();
  if (!number) {
    look_no_more(looker);
    return std::nullopt;
  }
  const bool more = doorbell_->rung();
  Event event;
  if ((more || wake_line_.waits()) && promise_to_look(looker)) {
    event.promise_begins = !looker.promised;
  } else {
    read_first(looker);
    if (more && std::exchange(busy_at, this) != this) busy_.fetch_add(1);
    if (more && !promised()) pass_on();
  }
  auto session = sessions_.with([&](auto& sessions) {
    return *number < sessions.size() ? sessions[*number].lock() : nullptr;
  });
  if (session == nullptr) return event;
  event.kind = Event::Kind::kRing;
  event.session = std::move(session);
  return event;
}

// The calling thread's last one has ended.
void Reactor::time_turn() {
  const base::Nanos took = base::steady_clock().now() - *turns.since;
  turns.since.reset();
  quick_turns_.store(weigh(turns.quick, took <= kQuickTurn));
  const base::Nanos for_calls = queued.calls * kQuickCalls / kCallsPerLook;
  quick_by_call_.store(weigh(turns.quick_by_call, took <= kQuickTurn + for_calls));
}

// False: another thread must look, or has promised to.
bool Reactor::promise_to_look(const Looker& looker) {
  if (++turns.count % kTurnsPerLook == 0) turns.since = base::steady_clock().now();
  if (!promises_.load() || (!quick_turns_.load() && !all_busy())) return false;
  if (!change_promise(looker.promised ? Promise::kBack : Promise::kNone, Promise::kAway))
    return false;
  if (!looker.counted) doorbell_->look(true);
  queued = {.at = this, .promised = true};
  return true;
}

void Reactor::pass_on() {
  if (doorbell_->anybody_sleeps())
    summon();
  else if (at_sockets_.load() > 0)
    base::set_event(relay_.get());
}

// One is enough, and takes longer to wake than most calls to run: its word is taken back by
// whoever wakes next, who then looks for what there is.
void Reactor::summon() {
  if (!summoned_.exchange(true) && !doorbell_->nudge(1)) summoned_.store(false);
}

void Reactor::expect() {
  if (!has_rings() || expected_at != nullptr) return;
  if (promised_here()) return;
  expected_at = this;
  doorbell_->look(true);
}

void Reactor::unexpect() {
  if (expected_at != this) return;
  expected_at = nullptr;
  doorbell_->look(false);
  // Who rang meanwhile may have counted on this thread. A promise that is kept or broken sees to
  // it.
  if (!promised() && doorbell_->rung()) pass_on();
}

void Reactor::run_on() {
  if (!has_rings() || !promises_.load()) return;
  if (queued.at != this) {
    queued = {.at = this, .since = base::steady_clock().now()};
  } else if (!queued.since) {
    queued.since = base::steady_clock().now();
  } else if (++queued.calls % kCallsPerLook == 0) {
    const base::TimePoint now = base::steady_clock().now();
    const bool at_once = now - *std::exchange(queued.since, now) <= kQuickCalls;
    queued.slow_looks = at_once ? 0 : queued.slow_looks + 1;
    const bool quick = queued.slow_looks < kSlowLooks;
    quick_.store(quick);
    if (!doorbell_->rung())
      queued.rung_since.reset();
    else if (!queued.rung_since)
      queued.rung_since = now;
    if (queued.rung_since && now - *queued.rung_since > kRingPatience && !all_busy())
      queued.given_up = true;
    if (queued.promised && (!quick || queued.given_up)) {
      queued.promised = false;
      break_promise();
    }
  }
  if (queued.promised || queued.given_up || !quick_.load()) return;
  if (!change_promise(Promise::kNone, Promise::kAway)) return;
  doorbell_->look(true);
  queued.promised = true;
}

bool Reactor::all_busy() const {
  return quick_by_call_.load() && busy_.load() >= base::processors();
}

bool Reactor::promised_here() const { return queued.at == this && queued.promised && promised(); }

bool Reactor::goes_on() const { return promised_here() && queued.calls > 0; }

void Reactor::break_promise() {
  if (!promised() || !change_promise(Promise::kAway, Promise::kNone)) return;
  doorbell_->look(false);
  if (doorbell_->rung()) pass_on();
}

bool Reactor::attended() {
  if (at_sockets_.load() > 0 || looking_.load()) return true;
  if (!doorbell_ || !doorbell_->anybody_sleeps()) return false;
  summon();
  return true;
}

void Reactor::end() {
  ending_.store(true);
  wake_line_.wake_all();
  base::set_event(ended_.get());
  if (doorbell_) doorbell_->nudge(INT_MAX);
}

std::optional<uint32_t> Reactor::enter(std::weak_ptr<Session> session) {
  if (!doorbell_) return std::nullopt;
  auto number = sessions_.with([&](auto& sessions) -> std::optional<uint32_t> {
    for (uint32_t i = 0; i < sessions.size(); ++i) {
      if (!sessions[i].expired()) continue;
      sessions[i] = std::move(session);
      return i;
    }
    if (sessions.size() >= shm::Doorbell::kNumbers) return std::nullopt;
    sessions.push_back(std::move(session));
    return static_cast<uint32_t>(sessions.size() - 1);
  });
  if (!number) return number;
  doorbell_->use(*number);
  rings_.store(true, std::memory_order_release);
  return number;
}

void Reactor::keep_doorbell() {
  if (doorbell_) doorbell_->keep();
}

void Reactor::let_doorbell_go() {
  if (doorbell_) doorbell_->let_go();
}

}  // namespace lp::courier
