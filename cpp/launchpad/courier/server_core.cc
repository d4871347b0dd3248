#include "launchpad/courier/server_core.h"

#include <system_error>
#include <thread>
#include <utility>

#include "launchpad/base/log.h"
#include "launchpad/courier/current_call.h"
#include "launchpad/net/peer_user.h"
#include "launchpad/net/tls.h"
#include "launchpad/wire/writer.h"

namespace lp::courier {
namespace {

// Answers that are kept back together; so many more while their client sleeps: to wake it costs as
// much as some calls, and where cores are few it takes the answers only when it has its turn.
constexpr int kCorkedAnswers = 32;
constexpr int kMaxCorkedAnswers = 256;
// Finished calls per kStealAfter from which the queue counts as moving: another thread would only
// contend.
constexpr uint64_t kMovingCalls = 16;
// A thread that gives turns to several clients sees to the timer after so many.
constexpr uint64_t kTurnsPerWatch = 8;
// A client at a socket that called again so soon after its last answer is likely to do so once
// more, and a call that took no longer gains by not waking a thread for the next one.
constexpr base::Nanos kSoonAgain{100'000};

// Handlers of which server run on this thread, outermost first: such a thread must not wait for
// itself.
thread_local const ServerCore* running_core = nullptr;

Error stopping_error(const std::string& name, const char* what = "the call was not run") {
  return Error(Code::kUnavailable,
               (name.empty() ? "the server" : "'" + name + "'") + " is stopping: " + what);
}

}  // namespace

ServerCore::ServerCore(ServerOptions options)
    : options_(std::move(options)),
      token_(options_.token),
      anteroom_(options_.greeting_patience),
      limit_(options_.threads),
      queue_(options_.threads) {
  router_.on_first_priority([this] { reserve_threads(); });
  reactor_->on_line([this] { watch_line(); });
}

Status ServerCore::start(std::unique_ptr<net::Listener> listener) {
  LP_TRY(check_listener(*listener, token_));
  if (started_.exchange(true)) return Error(Code::kFailedPrecondition, "Server already started");
  LP_TRY(reactor_->made());
  LP_TRY(reactor_->watch(anteroom_.fd(), EPOLLIN | EPOLLET));
  LP_TRY(reactor_->watch(listener->fd(), EPOLLIN | EPOLLET));
  address_ = listener->address();
  listener_fd_ = listener->fd();
  listener_.with([&](auto& owned) { owned = std::move(listener); });
  threads_.store(1);
  spawn_thread(true);
  return {};
}

void ServerCore::keep_a_reader() {
  if (reactor_->attended()) return;
  int threads = threads_.load(std::memory_order_acquire);
  while (threads < limit_.load(std::memory_order_acquire)) {
    if (threads_.compare_exchange_weak(threads, threads + 1)) return spawn_thread(false);
  }
  // All are busy: nobody would hear the timer.
  flush_corked();
  reactor_->wake_line().wake_all();
}

void ServerCore::flush_corked() {
  std::vector<std::shared_ptr<Session>> corked;
  queue_.with([&](Queue& queue) { corked.swap(queue.corked); });
  for (const auto& session : corked) session->flush();
}

// Calls that run now take no place, so threads are added for them, too.
void ServerCore::reserve_threads() {
  reactor_->promise_no_more();
  queue_.with([](Queue& queue) { queue.calls.limit(); });
  limit_.fetch_add(options_.threads + running_.count());
  if (started() && !stopping_.load(std::memory_order_acquire)) keep_a_reader();
}

// The first one lives as long as the server, and shows that it does.
void ServerCore::spawn_thread(bool first) {
  life_.with([](Life& life) { ++life.threads; });
  std::thread([self = shared_from_this(), first] {
    if (self->options_.on_thread_start) self->options_.on_thread_start();
    if (first) self->reactor_->keep_doorbell();
    self->work();
    if (first) self->reactor_->let_doorbell_go();
    if (self->options_.on_thread_end) self->options_.on_thread_end();
    net::free_tls_of_thread();
    self->life_.with_notify([](Life& life) { --life.threads; });
  }).detach();
}

void ServerCore::work() {
  Streak streak;
  while (!ending_.load(std::memory_order_acquire)) {
    if (!run_queued(streak)) wait_for_event(streak);
    Session::set_corked_on_this_thread(nullptr);
  }
  end_running(streak);
}

bool ServerCore::run_queued(Streak& streak) {
  Cork& cork = streak.cork;
  if (queue_.note() == 0 && cork.session == nullptr) return false;
  if (const auto kept = std::exchange(streak.kept, nullptr)) linger_.let_go(kept);
  if (reactor_->promised() && !reactor_->promised_here()) {
    // Whoever has promised goes on with the calls: two would only be in each other's way.
    if (const auto held = std::exchange(cork, {}).session) held->flush();
    return false;
  }
  if (Backlog::Next next = next_call(cork)) {
    run_next(next, streak);
    return true;
  }
  const auto session = next_readable();
  if (session != nullptr) read(session, streak);
  return session != nullptr;
}

bool ServerCore::is_full(const Cork& cork) {
  return cork.answers >= kMaxCorkedAnswers ||
         (cork.answers >= kCorkedAnswers && !cork.session->client_sleeps());
}

Backlog::Next ServerCore::next_call(Cork& cork) {
  bool more = false;
  bool put_off = false;
  Backlog::Next next = queue_.with([&](Queue& queue) {
    Backlog::Next taken = queue.calls.pop();
    if (!taken) return taken;
    ++queue.finished;
    more = !queue.calls.empty();
    if (more) {
      if (queue.corked.empty() || queue.corked.back() != taken.call().session()) {
        queue.corked.push_back(taken.call().session());
      }
      put_off = stand_by(queue);
      reactor_->run_on();
    }
    return taken;
  });
  if (put_off) flush_corked();
  // Nothing may be left behind when the thread goes on to something that may take long: the last
  // call, an event, or another session's call. Should one of several calls, the timer must find a
  // thread.
  const bool keeps = more && reactor_->watched();
  if (cork.session && (!keeps || next.call().session() != cork.session || is_full(cork))) {
    cork.session->flush();
    cork = {};
  }
  if (keeps) {
    if (cork.session == nullptr) cork.session = next.call().session();
    ++cork.answers;
    Session::set_corked_on_this_thread(cork.session.get());
  }
  return next;
}

std::shared_ptr<Session> ServerCore::next_readable() {
  return queue_.with([&](Queue& queue) -> std::shared_ptr<Session> {
    // Whoever finishes calls of a full queue comes here, too.
    if (queue.readable.empty() || queue.calls.size() >= options_.max_queued_calls) return nullptr;
    auto session = std::move(queue.readable.front());
    queue.readable.pop_front();
    return session;
  });
}

void ServerCore::wait_for_event(Streak& streak) {
  end_running(streak);
  if (streak.kept != nullptr && linger(streak)) return;
  auto looked = reactor_->look();
  if (!looked) streak.last.forget();  // It may be unbound while this thread sleeps.
  const Reactor::Event event = looked ? std::move(*looked) : reactor_->sleep();
  switch (event.kind) {
    case Reactor::Event::Kind::kNone:
      return;
    case Reactor::Event::Kind::kTimer:
      return on_timer(streak);
    case Reactor::Event::Kind::kDescriptor:
      return on_descriptor(event.fd, event.events, streak);
    case Reactor::Event::Kind::kRing:
      if (event.promise_begins) streak.turns = 0;
      if (reactor_->promised_here() && streak.turns++ % kTurnsPerWatch == 0)
        watch_promise(kTurnsPerWatch);
      if (event.session->flush_ready()) read(event.session, streak);
      if (event.session->claim_turn()) read(event.session, streak);
      return;
  }
}

// Some calls that were read together still wait: either the one before them blocks, or they are
// many.
void ServerCore::on_timer(Streak& streak) {
  bool slow = false;
  Backlog::Next next = queue_.with([&](Queue& queue) {
    queue.timer_armed = false;
    const bool relied_on = reactor_->promised() || reactor_->wake_line().waits() || linger_.keeps();
    if (queue.calls.empty() && !relied_on) return Backlog::Next();
    slow = queue.finished - queue.finished_at_arming < kMovingCalls;
    if (!slow) {
      arm_timer(queue, kStealAfter);
      return Backlog::Next();
    }
    Backlog::Next taken = queue.calls.pop();
    if (!taken) return taken;
    ++queue.finished;
    // The rest must not wait as long again: wake one more thread now.
    if (!queue.calls.empty()) arm_timer(queue, base::Nanos(1));
    return taken;
  });
  if (slow) {
    reactor_->break_promise();
    linger_.let_go();
  }
  flush_corked();
  if (next) run_next(next, streak);
}

// Whoever the timer wakes takes this thread's core, and its lock: so it shall go off only if calls
// take long.
bool ServerCore::stand_by(Queue& queue) {
  if (!queue.timer_armed) {
    arm_timer(queue, kStealAfter);
    return false;
  }
  if (queue.finished - queue.finished_at_look < kMovingCalls) return false;
  queue.finished_at_look = queue.finished;
  if (base::steady_clock().now() - queue.armed_at < queue.delay / 2) return false;
  arm_timer(queue, kStealAfterQuick);
  return true;
}

void ServerCore::arm_timer(Queue& queue, base::Nanos delay) {
  queue.timer_armed = true;
  queue.armed_at = base::steady_clock().now();
  queue.delay = delay;
  queue.finished_at_arming = queue.finished_at_look = queue.finished;
  reactor_->arm_timer(delay);
}

void ServerCore::watch_line() {
  queue_.with([&](Queue& queue) {
    if (!queue.timer_armed) arm_timer(queue, kStealAfter);
  });
}

void ServerCore::watch_promise(uint64_t turns) {
  const bool put_off = queue_.with([&](Queue& queue) {
    queue.finished += turns;
    return stand_by(queue);
  });
  if (put_off) flush_corked();
}

void ServerCore::accept_all() {
  while (!stopping_.load(std::memory_order_acquire)) {
    // With its lock: whoever has taken the listener away may listen there at once.
    auto accepted = listener_.with([](auto& owned) -> Result<std::optional<net::Socket>> {
      if (owned == nullptr) return std::optional<net::Socket>();
      return owned->accept();
    });
    if (!accepted.ok()) return base::log(base::LogLevel::kError, accepted.error().message);
    if (!accepted->has_value()) return;
    const int fd = (*accepted)->fd();
    const bool passes_descriptors = (*accepted)->passes_descriptors();
    auto session = std::make_shared<Session>(
        std::move(**accepted), reactor_, Peer{.language = options_.language, .name = options_.name},
        options_.limits);
    sessions_.with([&](auto& sessions) { sessions.insert_or_assign(fd, session); });
    session->set_healthy(healthy_.load());
    session->streams().set_run_apart(
        [weak = weak_from_this()](std::function<void()> work) -> Status {
          const auto core = weak.lock();
          if (core == nullptr) return stopping_error({});
          return core->run_apart(std::move(work));
        });
    if (!passes_descriptors) receive_stranger(session);
    if (const Status watched = reactor_->watch(fd, kReadingEvents); !watched.ok()) {
      session->turn_away(watched.error().message);
      drop(session);
    }
  }
}

// A tcp connection may be anybody's.
void ServerCore::receive_stranger(const std::shared_ptr<Session>& session) {
  const bool wants_tls = token_ && (options_.always_tls || net::leaves_loopback(session->fd()));
  session->set_entrance(std::make_unique<Entrance>(token_, wants_tls));
  anteroom_.add(session);
}

// Cancels first, since they are about calls before them; then the calls, a single one on this
// thread at once.
void ServerCore::take(const std::shared_ptr<Session>& session, std::vector<wire::Frame>& frames,
                      Streak& streak) {
  int calls = 0;
  wire::Frame* last_call = nullptr;
  for (wire::Frame& frame : frames) {
    if (frame.type != wire::FrameType::kCall) continue;
    ++calls;
    last_call = &frame;
  }
  if (calls > 0) session->count_calls(calls);
  for (const wire::Frame& frame : frames) {
    if (frame.type == wire::FrameType::kCancel) session->cancel(frame.id);
  }
  if (calls == 0) return;
  const bool any_priority = router_.any_priority();
  if (calls == 1 && !any_priority) return run_single(session, std::move(*last_call), streak);
  reactor_->wake_line().called_often(*session);
  Calls urgent, others;
  for (wire::Frame& frame : frames) {
    if (frame.type != wire::FrameType::kCall) continue;
    const bool priority = any_priority && router_.has_priority(frame.method);
    (priority ? urgent : others).emplace_back(session, std::move(frame));
  }
  const bool queued = queue_.with([&](Queue& queue) {
    if (queue.closed) return false;
    queue.calls.push(std::move(urgent), true);
    queue.calls.push(std::move(others), false);
    return true;
  });
  if (queued) return;
  // Each is told that the server stops.
  for (Call& call : urgent) run(call, streak);
  for (Call& call : others) run(call, streak);
}

void ServerCore::run_single(const std::shared_ptr<Session>& session, wire::Frame&& frame,
                            Streak& streak) {
  Call call(session, std::move(frame));
  if (reactor_->has_rings()) {
    if (session->over_rings()) reactor_->called(*session);
    return run(call, streak);
  }
  const base::TimePoint start = base::steady_clock().now();
  const bool keeps =
      start - session->answered_at() <= kSoonAgain && reactor_->watched() && linger_.keep(session);
  if (keeps) watch_promise(1);
  run(call, streak);
  const base::TimePoint end = base::steady_clock().now();
  session->set_answered_at(end);
  if (!keeps) return;
  if (end - start <= kSoonAgain && session->calls() == 0)
    streak.kept = session;
  else
    linger_.let_go(session);
}

void ServerCore::run_next(Backlog::Next& next, Streak& streak) {
  run(next.call(), streak);
  if (next.takes_place) queue_.with([](Queue& queue) { queue.calls.finish(); });
}

bool ServerCore::begin_running(Streak& streak) {
  if (streak.running) return !running_.closed();
  return streak.running = running_.begin();
}

void ServerCore::end_running(Streak& streak) {
  if (std::exchange(streak.running, false)) running_.end();
}

void ServerCore::run(Call& call, Streak& streak) {
  if (!begin_running(streak)) return call.fail(stopping_error(options_.name));
  reactor_->unexpect();
  // Somebody must go on waiting for events while this thread is away. That was seen to before the
  // first of several quick calls, and whoever waited then sees to it before it goes away.
  if (!reactor_->goes_on()) keep_a_reader();
  // Who waits in line relies on this thread, too.
  if (reactor_->wake_line().waits() && !reactor_->promised_here()) watch_promise(1);
  if (call.deadline().passed()) {
    call.fail(Error(Code::kDeadlineExceeded, "the deadline of '" + call.method() +
                                                 "' passed before the call was run: it was not"));
  } else if (call.cancelled()) {
    call.fail(Error(Code::kCancelled, "the call was cancelled before it was run"));
  } else {
    const ServerCore* outer = std::exchange(running_core, this);
    Session::set_running_on_this_thread(call.session().get(), call.id());
    hand_to_method(call, streak.last);
    Session::set_running_on_this_thread(nullptr, 0);
    running_core = outer;
  }
}

void ServerCore::hand_to_method(Call& call, Router::Last& last) {
  if (call.method() == kHealth) {
    wire::Payload payload;
    wire::Writer(payload).boolean(healthy_.load());
    return call.reply(payload);
  }
  if (call.method() == kNextResults) return call.session()->streams().ask(std::move(call));
  const CurrentCall current(call);
  router_.run(std::move(call), last);
}

Status ServerCore::run_apart(std::function<void()> work) {
  if (!running_.begin()) return stopping_error(options_.name);
  try {
    std::thread([self = shared_from_this(), work = std::move(work)]() mutable {
      if (self->options_.on_thread_start) self->options_.on_thread_start();
      running_core = self.get();
      std::exchange(work, nullptr)();
      running_core = nullptr;
      if (self->options_.on_thread_end) self->options_.on_thread_end();
      net::free_tls_of_thread();
      self->running_.end();
    }).detach();
  } catch (const std::system_error& error) {
    running_.end();
    return Error(Code::kResourceExhausted,
                 std::string("no thread can be made for a stream: ") + error.what());
  }
  return {};
}

void ServerCore::set_healthy(bool healthy) {
  healthy_.store(healthy);
  const auto sessions = sessions_.with([](auto& map) { return map; });
  for (const auto& [fd, session] : sessions) session->set_healthy(healthy_.load());
}

void ServerCore::stop(const base::Deadline& grace) {
  if (!started()) return;
  const bool first = life_.with([](Life& life) {
    if (life.phase != Phase::kServing) return false;
    life.phase = Phase::kStopping;
    return true;
  });
  if (!first) {
    join(grace);
    return;
  }
  running_.close();
  stopping_.store(true, std::memory_order_release);
  // From now on, who connects is refused.
  listener_.with([&](auto& owned) {
    reactor_->unwatch(listener_fd_);
    owned.reset();
  });
  Calls queued;
  queue_.with([&](Queue& queue) {
    queue.closed = true;
    queued = queue.calls.clear();
  });
  for (Call& call : queued) call.fail(stopping_error(options_.name));
  auto sessions = sessions_.with([](auto& map) { return map; });
  for (const auto& [fd, session] : sessions)
    session->streams().end(stopping_error(options_.name, "the stream ends here"));
  const int own = running_core == this ? 1 : 0;
  running_.wait(own, grace);
  sessions = sessions_.with([](auto& map) { return map; });
  for (const auto& [fd, session] : sessions) session->say_bye();
  ending_.store(true, std::memory_order_release);
  reactor_->end();
  life_.wait(
      grace.at(), [&](Life& life) { return life.threads <= own; }, [](Life&, bool) {});
  for (const auto& [fd, session] : sessions) session->close();
  sessions_.with([](auto& map) { map.clear(); });
  life_.with_notify([](Life& life) { life.phase = Phase::kStopped; });
}

void ServerCore::wait_for_handlers() {
  const int own = running_core == this ? 1 : 0;
  running_.wait(own, base::Deadline());
}

bool ServerCore::join(const base::Deadline& deadline) {
  // A handler cannot wait for its own end.
  if (running_core == this) return false;
  return life_.wait(
      deadline.at(), [](Life& life) { return life.phase == Phase::kStopped; },
      [](Life&, bool stopped) { return stopped; });
}

}  // namespace lp::courier
