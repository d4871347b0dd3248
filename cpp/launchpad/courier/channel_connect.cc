// How a Channel comes to its link: waiting for the server, greeting it, and giving up.
#include <algorithm>

#include "launchpad/base/log.h"
#include "launchpad/courier/channel.h"

namespace lp::courier {
namespace {

constexpr base::Nanos kFirstRetry{1'000'000};
constexpr base::Nanos kLastRetry{50'000'000};
constexpr base::Nanos kWarnAfter{10'000'000'000};

Error closed_error() { return Error(Code::kCancelled, "the client was closed"); }

}  // namespace

Status Channel::connect(Lock& lock, const base::Deadline& deadline) {
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
  auto made = make_link(deadline, peer);
  lock.lock();
  connecting_ = false;
  changed_.notify_all();
  if (!made.ok()) return std::move(made).error();
  if (closed_) return closed_error();
  link_ = std::move(made).value();
  peer_ = std::move(peer);
  outbox_.clear();
  return {};
}

// Without the lock. Tries until the server is there, the deadline passes, or waiting makes no
// sense.
Result<std::shared_ptr<Link>> Channel::make_link(const base::Deadline& deadline, Peer& peer) {
  base::Nanos retry = kFirstRetry;
  const auto warn_at = base::Deadline::after(kWarnAfter);
  bool warned = false;
  while (true) {
    Error error;
    auto socket = net::connect(address_, deadline, [this] { return !keep_waiting().ok(); });
    if (socket.ok()) {
      auto link = std::make_shared<Link>(std::move(socket).value(), options_.limits);
      const Peer self{.language = options_.language, .name = {}};
      auto greeted = link->greet(self, deadline, [this] { return keep_waiting(); });
      if (greeted.ok()) {
        peer = std::move(greeted).value();
        return link;
      }
      error = std::move(greeted).error();
    } else {
      error = std::move(socket).error();
    }
    const bool absent = error.code == Code::kNotFound;
    if (absent && options_.prebound) {
      return Error(Code::kUnavailable, server_name() + " has ended: nobody listens any more at '" +
                                           address_.str() + "'");
    }
    if (!absent && error.code != Code::kUnavailable) {
      error.message = server_name() + ": " + error.message;
      return error;
    }
    if (!options_.wait_for_ready || options_.prebound) {
      return Error(Code::kUnavailable, server_name() + " cannot be reached: " + error.message);
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
    LP_TRY(pause(retry, deadline));
    retry = std::min(retry * 2, kLastRetry);
  }
}

Status Channel::pause(base::Nanos duration, const base::Deadline& deadline) {
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
  return {};
}

}  // namespace lp::courier
