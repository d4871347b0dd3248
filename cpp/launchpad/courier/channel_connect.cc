// How a Channel comes to its link: waiting for the server, greeting it, and giving up. A caller
// that waits connects itself; for calls that nobody waits for, a thread does that ends with the
// need.
#include <algorithm>
#include <thread>
#include <utility>

#include "launchpad/base/log.h"
#include "launchpad/courier/channel.h"
#include "launchpad/courier/current_call.h"
#include "launchpad/courier/entrance.h"
#include "launchpad/net/peer_user.h"

namespace lp::courier {
namespace {

constexpr base::Nanos kFirstRetry{1'000'000};
constexpr base::Nanos kLastRetry{50'000'000};
constexpr base::Nanos kWarnAfter{10'000'000'000};

}  // namespace

Status Channel::connect(Lock& lock, const base::Deadline& deadline) {
  if (link_ != nullptr && !closed_) return {};
  return connect(lock, deadline, [this] { return keep_waiting(); });
}

Status Channel::connect(Lock& lock, const base::Deadline& deadline,
                        const KeepWaiting& keep_waiting) {
  while (true) {
    if (closed_) return closed_error();
    if (link_ != nullptr) return {};
    if (!connecting_) break;
    if (changed_.wait_until(lock, std::min(deadline.at().value_or(base::TimePoint::max()),
                                           base::steady_clock().now() + kTick)) ==
        std::cv_status::timeout) {
      lock.unlock();
      const Status still = keep_waiting();
      lock.lock();
      LP_TRY(still);
      if (deadline.passed())
        return Error(Code::kDeadlineExceeded, server_name() + " could not be reached in time");
    }
  }
  connecting_ = true;
  lock.unlock();
  Peer peer;
  auto made = make_link(deadline, keep_waiting, peer);
  lock.lock();
  connecting_ = false;
  changed_.notify_all();
  if (closed_) return closed_error();
  stopped_ = said_bye_ && !made.ok() && made.error().code == Code::kUnavailable;
  if (!made.ok()) return std::move(made).error();
  said_bye_ = false;
  link_ = std::move(made).value();
  by_tcp_ = !link_->socket().passes_descriptors();
  peer_ = std::move(peer);
  outbox_.clear();
  if (peer_->shares) {
    auto returns = std::make_shared<Returns>(
        [weak = weak_from_this()] { Flusher::at(Flusher::Pace::kLater).add(weak); });
    link_->share(returns);
    outbox_.share(std::move(returns));
  }
  post_unsent();
  return {};
}

void Channel::park(Pending& pending, const wire::Payload& arguments, TypedInstead typed) {
  unsent_.emplace(pending.id, Unsent{arguments, std::move(typed)});
  if (std::exchange(has_connector_, true)) return;
  std::thread([self = shared_from_this()]() { self->connect_for_unsent(); }).detach();
}

void Channel::connect_for_unsent() {
  Lock lock(mutex_);
  bool given_up = false;
  // Calls that expire or are cancelled meanwhile leave the list.
  const auto still_needed = [&]() -> Status {
    const Lock inner(mutex_);
    given_up = closed_ || unsent_.empty();
    return given_up ? Status(closed_error()) : Status();
  };
  while (!closed_ && !unsent_.empty()) {
    const Status connected = connect(lock, {}, still_needed);
    if (connected.ok()) {
      // Those that came when another thread had connected already, and sent what waited then.
      post_unsent();
      // A link that breaks here has failed its calls.
      [[maybe_unused]] const Status flushed = flush(lock, {});
      hand_over();
    } else if (!std::exchange(given_up, false)) {
      fail_unsent(connected.error());
    }
  }
  has_connector_ = false;
}

// In the order in which they were started, before any later one.
void Channel::post_unsent() {
  for (auto& [id, unsent] : std::exchange(unsent_, {})) {
    Pending& pending = *pending_.find(id);
    Answer arguments = std::move(unsent.arguments);
    if (pending.deadline.passed()) {
      arguments = Error(Code::kDeadlineExceeded,
                        server_name() + " could not be reached before the deadline");
    } else if (takes_only_typed(*arguments, unsent.typed)) {
      arguments = unsent.typed();
    }
    if (arguments.ok())
      post_call(pending, arguments.value());
    else if (auto entry = take(id))
      complete(std::move(*entry), std::move(arguments).error());
  }
}

void Channel::fail_unsent(const Error& error) {
  for (const auto& [id, unsent] : std::exchange(unsent_, {})) {
    if (auto entry = take(id)) complete(std::move(*entry), error);
  }
}

// Without the lock. Tries until the server is there, the deadline passes, or waiting makes no
// sense.
Result<std::shared_ptr<Link>> Channel::make_link(const base::Deadline& deadline,
                                                 const KeepWaiting& keep_waiting, Peer& peer) {
  base::Nanos retry = kFirstRetry;
  const auto warn_at = base::Deadline::after(kWarnAfter);
  bool warned = false;
  while (true) {
    auto made = try_ways(deadline, keep_waiting, peer);
    if (made.ok()) return made;
    Error error = std::move(made).error();
    const bool absent = error.code == Code::kNotFound;
    if (absent && options_.prebound) {
      return Error(Code::kUnavailable,
                   server_name() + " has ended: nobody listens any more at '" + where() + "'");
    }
    if (!absent && error.code != Code::kUnavailable) {
      error.message = server_name() + ": " + error.message;
      return error;
    }
    if (!options_.wait_for_ready || options_.prebound) {
      const Lock lock(mutex_);
      const char* const what = said_bye_ ? " has stopped: " : " cannot be reached: ";
      return Error(Code::kUnavailable, server_name() + what + error.message);
    }
    if (deadline.passed()) {
      return Error(Code::kDeadlineExceeded,
                   server_name() + " could not be reached in time: " + error.message);
    }
    if (!warned && warn_at.passed()) {
      warned = true;
      base::log(base::LogLevel::kWarning,
                "still waiting for " + server_name() + ": " + error.message);
    }
    LP_TRY(pause(retry, deadline, keep_waiting));
    retry = std::min(retry * 2, kLastRetry);
  }
}

Result<std::shared_ptr<Link>> Channel::try_ways(const base::Deadline& deadline,
                                                const KeepWaiting& keep_waiting, Peer& peer) {
  for (const net::Address& way : options_.nearer) {
    auto made = try_way(way, deadline, keep_waiting, peer);
    if (made.ok()) return made;
    const Code code = made.error().code;
    const bool not_there =
        code == Code::kNotFound || code == Code::kUnavailable || code == Code::kPermissionDenied;
    if (!not_there) return made;
  }
  return try_way(address_, deadline, keep_waiting, peer);
}

// One attempt.
Result<std::shared_ptr<Link>> Channel::try_way(const net::Address& way,
                                               const base::Deadline& deadline,
                                               const KeepWaiting& keep_waiting, Peer& peer) {
  LP_TRY_ASSIGN(net::Socket socket,
                net::connect(way, deadline, [&] { return !keep_waiting().ok(); }));
  auto link = std::make_shared<Link>(std::move(socket), options_.limits);
  const bool by_tcp = way.kind == net::Kind::kTcp;
  const Peer self{.language = options_.language,
                  .name = {},
                  .packs = options_.compress && by_tcp,
                  .shares = link->socket().passes_descriptors()};
  if (by_tcp) LP_TRY(enter(*link, deadline, keep_waiting));
  LP_TRY_ASSIGN(peer, link->greet(self, deadline, keep_waiting));
  if (by_tcp) LP_TRY(check_user(*link));
  return link;
}

Status Channel::check_user(Link& link) const {
  const net::PeerUser user = net::tcp_peer_user(link.socket().fd());
  if (user == net::PeerUser::kGone)
    return Error(Code::kUnavailable, "the server closed the connection");
  if (user != net::PeerUser::kStranger) return {};
  return Error(Code::kPermissionDenied,
               "the process that listens at '" + address_.str() + "' is another user's");
}

// Over tcp the server shows that it has the token before it hears anything.
Status Channel::enter(Link& link, const base::Deadline& deadline, const KeepWaiting& keep_waiting) {
  const bool leaves = net::leaves_loopback(link.socket().fd());
  if (leaves && !options_.token) {
    return Error(Code::kPermissionDenied, "'" + address_.str() +
                                              "' is beyond this host's loopback interface, where "
                                              "servers have tokens: give the client the server's "
                                              "one (`token`)");
  }
  return courier::enter(link.socket(),
                        {.token = options_.token,
                         .wants_tls = leaves,
                         .may_lack_token = options_.may_lack_token && !leaves},
                        deadline, keep_waiting);
}

Status Channel::pause(base::Nanos duration, const base::Deadline& deadline,
                      const KeepWaiting& keep_waiting) {
  if (!deadline.never()) duration = std::min(duration, deadline.left());
  {
    Lock lock(mutex_);
    changed_.wait_for(lock, duration, [this] { return closed_; });
  }
  return keep_waiting();
}

Status Channel::keep_waiting() {
  {
    Lock lock(mutex_);
    if (closed_) return closed_error();
  }
  if (options_.interrupted && options_.interrupted()) return Error(Code::kAborted, "interrupted");
  if (options_.inherits_deadline) {
    if (auto gone = CurrentCall::gone()) return std::move(*gone);
  }
  return {};
}

}  // namespace lp::courier
