#include "launchpad/courier/reactor.h"

#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <utility>

#include "launchpad/base/event.h"
#include "launchpad/base/log.h"

namespace lp::courier {
namespace {

// Where this thread is expected to wait soon.
thread_local const Reactor* expected_at = nullptr;

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

Reactor::Event Reactor::wait() {
  if (!rings_.load(std::memory_order_acquire)) return wait_at_sockets();
  if (auto event = look_for_ring()) return std::move(*event);
  if (at_sockets_.load() > 0) {
    if (auto event = wait_at_doorbell()) return std::move(*event);
  }
  return wait_at_sockets();
}

Reactor::Event Reactor::wait_at_sockets() {
  Event event;
  at_sockets_.fetch_add(1);
  if (rings_.load(std::memory_order_acquire)) {
    doorbell_->ask_for_poke();
    if (doorbell_->rung()) {
      at_sockets_.fetch_sub(1);
      return event;
    }
  }
  epoll_event got{};
  const int count = ::epoll_wait(epoll_.get(), &got, 1, -1);
  at_sockets_.fetch_sub(1);
  // Who poked has used up what was asked for; others may still wait here.
  if (rings_.load(std::memory_order_acquire)) doorbell_->ask_for_poke();
  if (count <= 0 || got.data.fd == ended_.get() || got.data.fd == relay_.get()) return event;
  event.fd = got.data.fd;
  event.events = got.events;
  event.kind = event.fd == timer_.fd() ? Event::Kind::kTimer : Event::Kind::kDescriptor;
  if (event.kind == Event::Kind::kTimer) timer_.drain();
  return event;
}

std::optional<Reactor::Event> Reactor::wait_at_doorbell() {
  const uint32_t turn = doorbell_->enter();
  // The sockets must not be left alone.
  const bool needed = at_sockets_.load() > 0;
  if (needed && !ending_.load() && !doorbell_->rung()) doorbell_->sleep(turn);
  doorbell_->leave();
  if (!needed) return std::nullopt;
  auto event = take_rung();
  return event ? std::move(event) : Event{};
}

std::optional<Reactor::Event> Reactor::look_for_ring() {
  bool counted = std::exchange(expected_at, nullptr) == this;
  bool rung = doorbell_->rung();
  if (!rung && !looking_.exchange(true)) {
    if (!counted) doorbell_->look(true);
    counted = true;
    rung = spin_.until([this] { return doorbell_->rung() || ending_.load(); });
    looking_.store(false);
  }
  if (counted) doorbell_->look(false);
  return rung ? take_rung() : std::nullopt;
}

std::optional<Reactor::Event> Reactor::take_rung() {
  const auto number = doorbell_->take();
  if (!number) return std::nullopt;
  // Who rang meanwhile may have counted on this thread.
  if (doorbell_->rung()) pass_on();
  auto session = sessions_.with([&](auto& sessions) {
    return *number < sessions.size() ? sessions[*number].lock() : nullptr;
  });
  Event event;
  if (session == nullptr) return event;
  event.kind = Event::Kind::kRing;
  event.session = std::move(session);
  return event;
}

void Reactor::pass_on() {
  if (doorbell_->anybody_sleeps())
    doorbell_->nudge(1);
  else if (at_sockets_.load() > 0)
    base::set_event(relay_.get());
}

void Reactor::expect() {
  if (!rings_.load(std::memory_order_acquire) || expected_at != nullptr) return;
  expected_at = this;
  doorbell_->look(true);
}

bool Reactor::attended() {
  if (expected_at == this) {
    // It was expected, and has found something else to do.
    expected_at = nullptr;
    doorbell_->look(false);
    if (doorbell_->rung()) pass_on();
  }
  if (at_sockets_.load() > 0 || looking_.load()) return true;
  if (!doorbell_ || !doorbell_->anybody_sleeps()) return false;
  doorbell_->nudge(1);
  return true;
}

void Reactor::end() {
  ending_.store(true);
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
  if (number) rings_.store(true, std::memory_order_release);
  return number;
}

void Reactor::keep_doorbell() {
  if (doorbell_) doorbell_->keep();
}

void Reactor::let_doorbell_go() {
  if (doorbell_) doorbell_->let_go();
}

}  // namespace lp::courier
