#include "launchpad/courier/balancer.h"

#include "launchpad/courier/client.h"
#include "launchpad/courier/current_call.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace lp::courier {
namespace {

constexpr base::Nanos kFirstRetry{10'000'000};
constexpr base::Nanos kLastRetry{1'000'000'000};
// How long one attempt may take.
constexpr base::Nanos kAttempt{5'000'000'000};

// Of another host, if one is: what all servers can be sent depends on it.
const net::Address& farthest(const Addresses& addresses) {
  const auto found =
      std::find_if(addresses.all.begin(), addresses.all.end(),
                   [](const net::Address& address) { return address.kind == net::Kind::kTcp; });
  return found == addresses.all.end() ? addresses.all.front() : *found;
}

}  // namespace

struct Balancer::Balanced : Pending {
  wire::Payload arguments;
  TypedInstead typed;
  std::shared_ptr<Channel> to;     // Once it is sent,
  std::shared_ptr<Pending> inner;  // and what it is there.
  bool cancelled = false;          // While it was being sent.
};

std::shared_ptr<Balancer> Balancer::make(Addresses addresses, ChannelOptions options) {
  LP_CHECK(!addresses.all.empty()) << "a balancer without addresses";
  return std::shared_ptr<Balancer>(new Balancer(std::move(addresses), std::move(options)));
}

Balancer::Balancer(Addresses addresses, ChannelOptions options)
    : Channel(farthest(addresses), std::move(options)), addresses_(std::move(addresses)) {
  // Whether to wait is the balancer's to say.
  ChannelOptions each = this->options();
  each.wait_for_ready = false;
  state_.with([&](State& state) {
    for (const net::Address& address : addresses_.all) {
      state.backends.push_back(Backend{make_shared_channel(address, each)});
    }
  });
}

std::string Balancer::where() const { return addresses_.str(); }

std::shared_ptr<Channel> Balancer::pick(State& state) {
  const size_t count = state.backends.size();
  const bool in_turn = addresses_.policy == Policy::kRoundRobin;
  const base::TimePoint now = base::steady_clock().now();
  const size_t first = state.next;
  std::shared_ptr<Channel> found;
  for (size_t i = 0; i < count; ++i) {
    const size_t index = (first + i) % count;
    Backend& backend = state.backends[index];
    if (found == nullptr) {
      backend.up = backend.channel->ready();
      if (backend.up) {
        found = backend.channel;
        state.next = index + (in_turn ? 1 : 0);
        if (!in_turn) break;
      }
    }
    if (!backend.up && !backend.trying && backend.retry_at <= now) try_again(state, index);
  }
  return found;
}

void Balancer::try_again(State& state, size_t index) {
  Backend& backend = state.backends[index];
  backend.trying = true;
  std::thread([self = self(), index, channel = backend.channel] {
    self->attempt(index, channel);
  }).detach();
}

void Balancer::attempt(size_t index, const std::shared_ptr<Channel>& channel) {
  const auto peer = channel->peer(base::Deadline::after(kAttempt));
  const bool up = peer.ok() && channel->ready();
  state_.with_notify([&](State& state) {
    Backend& backend = state.backends[index];
    ++state.news;
    backend.trying = false;
    backend.up = up;
    backend.failures = up ? 0 : std::min(backend.failures + 1, 20);
    base::Nanos pause = std::min(kFirstRetry * (int64_t{1} << backend.failures), kLastRetry);
    if (up) pause = {};
    backend.retry_at = base::steady_clock().now() + pause;
    if (!peer.ok())
      state.last_error = peer.error();
    else if (!up)
      state.last_error = Error(Code::kUnavailable, "the server at '" + channel->where() +
                                                       "' says that it is not healthy");
  });
}

// None is up, and nobody tries to change that now.
std::optional<Error> Balancer::hopeless(const State& state) const {
  if (state.closed) return closed_error();
  if (options().wait_for_ready) return std::nullopt;
  for (const Backend& backend : state.backends) {
    if (backend.trying || backend.channel->ready()) return std::nullopt;
  }
  Error error = state.last_error;
  error.code = Code::kUnavailable;
  error.message = "none of " + std::to_string(state.backends.size()) +
                  " servers is available; the last that was tried: " + error.message;
  return error;
}

Result<std::shared_ptr<Channel>> Balancer::wait_for_server(const base::Deadline& deadline) {
  const auto& interrupted = options().interrupted;
  while (true) {
    std::shared_ptr<Channel> found;
    std::optional<Error> why_not;
    const auto tick = base::steady_clock().now() + kTick;
    state_.wait(
        std::min(deadline.at().value_or(tick), tick),
        [&](State& state) {
          found = state.closed ? nullptr : pick(state);
          if (found == nullptr) why_not = hopeless(state);
          return found != nullptr || why_not.has_value();
        },
        [](State&, bool) {});
    if (found != nullptr) return found;
    if (why_not) return *why_not;
    if (interrupted && interrupted()) return Error(Code::kAborted, "interrupted");
    if (deadline.passed()) {
      return Error(Code::kDeadlineExceeded,
                   "none of the servers at '" + where() + "' could be reached in time");
    }
  }
}

Answer Balancer::call(std::string_view method, const wire::Payload& arguments,
                      const base::Deadline& deadline) {
  LP_TRY_ASSIGN(const auto channel, wait_for_server(deadline));
  return channel->call(method, arguments, deadline);
}

Result<Peer> Balancer::peer(const base::Deadline& deadline) {
  LP_TRY_ASSIGN(const auto channel, wait_for_server(deadline));
  return channel->peer(deadline);
}

std::optional<Peer> Balancer::known_peer() {
  return state_.with([](State& state) -> std::optional<Peer> {
    for (const Backend& backend : state.backends) {
      if (auto peer = backend.channel->known_peer()) return peer;
    }
    return std::nullopt;
  });
}

bool Balancer::ready() {
  return state_.with([](State& state) {
    return std::any_of(state.backends.begin(), state.backends.end(),
                       [](const Backend& backend) { return backend.channel->ready(); });
  });
}

Result<std::shared_ptr<Pending>> Balancer::start(std::string_view method,
                                                 const wire::Payload& arguments,
                                                 const base::Deadline& deadline, Callback callback,
                                                 TypedInstead typed, bool may_wait) {
  LP_TRY(wire::check_frame(method, arguments, options().limits));
  auto call = std::make_shared<Balanced>();
  call->method = method;
  call->deadline = options().inherits_deadline ? CurrentCall::limit(deadline) : deadline;
  call->callback = std::move(callback);
  call->typed = std::move(typed);
  // Once it is held, the call is the keeper's: it must not be sent from here as well.
  std::shared_ptr<Channel> to;
  const Status held = state_.with([&](State& state) -> Status {
    if (state.closed) return closed_error();
    if (state.held.empty()) {
      call->to = to = pick(state);
      if (to != nullptr) return {};
      if (auto error = hopeless(state)) return *error;
    }
    if (state.held.size() >= options().max_pending) {
      return Error(Code::kResourceExhausted,
                   std::to_string(state.held.size()) +
                       " calls wait for a server: that is the limit (max_pending)");
    }
    call->arguments = arguments;
    hold(state, call);
    return {};
  });
  if (!held.ok()) return held.error();
  if (to != nullptr) {
    LP_TRY_ASSIGN(call->inner,
                  to->start(method, arguments, call->deadline, std::move(call->callback),
                            std::move(call->typed), may_wait));
  }
  return std::shared_ptr<Pending>(call);
}

void Balancer::hold(State& state, std::shared_ptr<Balanced> call) {
  state.held.push_back(std::move(call));
  ++state.news;
  if (std::exchange(state.has_keeper, true)) return state_.notify_all();
  std::thread([self = self()] { self->keep(); }).detach();
}

// With the lock.
void Balancer::finish(const std::shared_ptr<Balanced>& call, Error error) {
  call->done = true;
  call->arguments = {};
  if (!call->callback) {
    call->answer.emplace(std::move(error));
    return state_.notify_all();
  }
  // On a thread of its own: this one holds the lock. Rare.
  std::thread([self = self(), callback = std::move(call->callback), error = std::move(error)] {
    const auto run = [&] { callback(error); };
    if (self->options().around_callbacks)
      self->options().around_callbacks(run);
    else
      run();
  }).detach();
  call->callback = nullptr;
}

std::optional<base::TimePoint> Balancer::wake_at(const State& state) const {
  std::optional<base::TimePoint> first;
  const auto sooner = [&](base::TimePoint at) { first = first ? std::min(*first, at) : at; };
  for (const Backend& backend : state.backends) {
    if (!backend.trying) sooner(backend.retry_at);
  }
  for (const auto& call : state.held) {
    if (call->deadline.at()) sooner(*call->deadline.at());
  }
  return first;
}

// While calls are held: sends them once a server is up, ends those that expire.
void Balancer::keep() {
  while (true) {
    Held to_send;
    std::optional<base::TimePoint> wake;
    uint64_t seen = 0;
    const bool empty = state_.with([&](State& state) {
      for (auto& call : std::exchange(state.held, {})) {
        if (auto error = ended(state, *call))
          finish(call, std::move(*error));
        else if ((call->to = pick(state)) != nullptr)
          to_send.push_back(std::move(call));
        else if (auto why_not = hopeless(state))
          finish(call, std::move(*why_not));
        else
          state.held.push_back(std::move(call));
      }
      if (!state.held.empty()) wake = wake_at(state);
      seen = state.news;
      state.has_keeper = !state.held.empty() || !to_send.empty();
      return !state.has_keeper;
    });
    if (empty) return;
    for (const auto& call : to_send) send(call);
    if (!to_send.empty()) continue;
    state_.wait(
        wake, [&](State& state) { return state.news != seen; }, [](State&, bool) {});
  }
}

std::optional<Error> Balancer::ended(const State& state, const Balanced& call) const {
  if (state.closed) return closed_error();
  if (!call.deadline.passed()) return std::nullopt;
  return Error(Code::kDeadlineExceeded,
               "none of the servers at '" + where() + "' could be reached in time");
}

// A held call, without the lock: sending may take a while.
void Balancer::send(const std::shared_ptr<Balanced>& call) {
  auto started = call->to->start(call->method, call->arguments, call->deadline, call->callback,
                                 std::move(call->typed), true);
  bool cancelled = false;
  state_.with_notify([&](State&) {
    call->arguments = {};
    if (started.ok()) {
      call->inner = started.value();
      cancelled = call->cancelled;
    } else {
      finish(call, std::move(started).error());
    }
  });
  if (cancelled) call->to->cancel(call->inner);
}

Answer Balancer::wait(const std::shared_ptr<Pending>& pending) {
  auto& call = static_cast<Balanced&>(*pending);
  const auto& interrupted = options().interrupted;
  while (true) {
    const auto tick = base::steady_clock().now() + kTick;
    const bool settled = state_.wait(
        tick, [&](State&) { return call.done || call.inner != nullptr; },
        [](State&, bool ready) { return ready; });
    if (settled) break;
    if (interrupted && interrupted()) return Error(Code::kAborted, "interrupted");
  }
  if (call.inner != nullptr) return call.to->wait(call.inner);
  return call.answer ? std::move(*call.answer) : Answer(closed_error());
}

bool Balancer::wait_done(const std::shared_ptr<Pending>& pending, const base::Deadline& deadline) {
  auto& call = static_cast<Balanced&>(*pending);
  const bool settled = state_.wait(
      deadline.at(), [&](State&) { return call.done || call.inner != nullptr; },
      [](State&, bool ready) { return ready; });
  if (!settled) return false;
  return call.inner == nullptr || call.to->wait_done(call.inner, deadline);
}

bool Balancer::cancel(const std::shared_ptr<Pending>& pending) {
  const auto call = std::static_pointer_cast<Balanced>(pending);
  const bool sent = state_.with([&](State& state) {
    if (call->inner != nullptr) return true;
    // If it is being sent just now, who sends it will see.
    if (std::erase(state.held, call) > 0)
      finish(call, Error(Code::kCancelled, "the call was cancelled"));
    else if (!call->done)
      call->cancelled = true;
    return false;
  });
  return !sent || call->to->cancel(call->inner);
}

bool Balancer::on_answer(const std::shared_ptr<Pending>& pending, Callback callback) {
  auto& call = static_cast<Balanced&>(*pending);
  while (true) {
    const auto settled = [&](State&) { return call.done || call.inner != nullptr; };
    const auto where_to = state_.with([&](State& state) -> std::optional<bool> {
      if (settled(state)) return true;
      if (call.to != nullptr) return std::nullopt;  // It is being sent.
      call.callback = callback;
      return false;
    });
    if (where_to == false) return true;
    if (where_to == true) break;
    state_.wait(std::nullopt, settled, [](State&, bool) {});
  }
  return call.inner != nullptr && call.to->on_answer(call.inner, std::move(callback));
}

void Balancer::close() {
  std::vector<std::shared_ptr<Channel>> channels;
  state_.with_notify([&](State& state) {
    state.closed = true;
    ++state.news;
    for (const Backend& backend : state.backends) channels.push_back(backend.channel);
  });
  for (const auto& channel : channels) channel->close();
}

}  // namespace lp::courier
