// How a Channel's calls leave: admitted, posted to the outbox, flushed or kept back to leave with
// others, and posted again where the link broke before anybody could see them.
#include <algorithm>
#include <utility>

#include "launchpad/courier/channel.h"
#include "launchpad/courier/outflows.h"
#include "launchpad/wire/writer.h"

namespace lp::courier {
namespace {

// Fewer calls gather for company, however few are on their way.
constexpr size_t kFewCalls = 16;

}  // namespace

Status Channel::admit(std::string_view method, Pending& pending, std::shared_ptr<Pending> owner) {
  if (closed_) return closed_error();
  if (pending_.size() >= options_.max_pending) {
    return Error(Code::kResourceExhausted,
                 std::to_string(pending_.size()) + " calls to " + server_name() +
                     " wait for an answer: that is the limit (max_pending)");
  }
  if (pending.deadline.passed()) {
    return Error(Code::kDeadlineExceeded,
                 "the deadline of '" + std::string(method) + "' passed before it was sent");
  }
  pending.id = next_id_++;
  pending.method = method;
  if (pending.callback) {
    ++callbacks_due_;
    if (!pending.deadline.never()) ++timed_callbacks_;
  }
  pending_.add(pending, std::move(owner));
  return {};
}

void Channel::post_call(Pending& pending, const wire::Payload& arguments) {
  pending.begins_at = outbox_.appended();
  uint64_t time_left = 0;  // None.
  if (!pending.deadline.never()) {
    time_left = std::max<uint64_t>(1, static_cast<uint64_t>(pending.deadline.left().count()));
    pending.patience = base::Nanos(time_left);
  }
  outbox_.append(wire::FrameType::kCall, pending.id, time_left, pending.method, arguments);
}

bool Channel::takes_only_typed(const wire::Payload& arguments, const TypedInstead& typed) const {
  return typed && arguments.encoding == wire::Encoding::kPickle && peer_->language != kPython;
}

Status Channel::submit(Lock& lock, std::string_view method, const wire::Payload& arguments,
                       Pending& pending) {
  LP_TRY(wire::check_frame(method, arguments, options_.limits));
  notice_end();
  LP_TRY(connect(lock, pending.deadline));
  LP_TRY(admit(method, pending, nullptr));
  Status sent = send(lock, pending, arguments, Sending::kSync);
  if (std::exchange(pending.bounced, false)) {
    sent = connect(lock, pending.deadline);
    if (sent.ok() && !pending.done) {
      post_call(pending, arguments);
      sent = flush(lock, pending.deadline);
    }
  }
  if (!sent.ok() && !pending.done) forget(pending);
  // If the link broke meanwhile, the call is done and holds why.
  return pending.done ? Status() : sent;
}

Status Channel::submit_or_park(Lock& lock, std::string_view method, const wire::Payload& arguments,
                               const std::shared_ptr<Pending>& pending, TypedInstead typed,
                               bool may_wait) {
  LP_TRY(wire::check_frame(method, arguments, options_.limits));
  notice_end();
  LP_TRY(admit(method, *pending, pending));
  if (link_ == nullptr) {
    park(*pending, arguments, std::move(typed));
    return {};
  }
  std::optional<Answer> instead;
  if (takes_only_typed(arguments, typed)) {
    instead = typed();
    if (!instead->ok()) {
      complete(*take(pending->id), std::move(*instead).error());
      return {};
    }
  }
  const Status sent = send(lock, *pending, instead ? instead->value() : arguments,
                           may_wait ? Sending::kAsync : Sending::kNeverWait);
  if (std::exchange(pending->bounced, false) && !pending->done) {
    park(*pending, arguments, std::move(typed));
    return {};
  }
  if (!sent.ok() && !pending->done) forget(*pending);
  return pending->done ? Status() : sent;
}

Status Channel::send(Lock& lock, Pending& pending, const wire::Payload& arguments, Sending how) {
  // While a callback waits for the server to take its call, others could not be told of answers.
  if (how == Sending::kAsync && calls_back_here()) how = Sending::kNeverWait;
  kept_ = outbox_.bytes() == 0 ? 1 : kept_ + 1;
  post_call(pending, arguments);
  // The first call leaves at once; those behind it gather while it is on its way, until they are as
  // many. Not so if others want this thread's core: they gather until it is the server's turn, and
  // a thread that comes to send them would take yet another one.
  const bool enough =
      outbox_.bytes() >= kGatherBytes || (kept_ >= kFewCalls && 2 * kept_ >= pending_.size());
  if (how != Sending::kSync && pending_.size() > 1 && !enough && !link_->crowded()) {
    ++gathered_;
    gathers_.store(true, std::memory_order_relaxed);
    if (!std::exchange(flush_due_, true)) Flusher::at(pace_).add(weak_from_this());
    return {};
  }
  pending.submitting = true;
  Status sent;
  if (how == Sending::kNeverWait) {
    send_gathered();
    if (outbox_.bytes() > 0) send_later();
  } else {
    sent = flush(lock, pending.deadline);
  }
  pending.submitting = false;
  return sent;
}

void Channel::notice_end() {
  // Writing to an ended socket of this host fails; tcp, and rings, take it and lose it.
  if (!pending_.empty() || link_ == nullptr) return;
  net::Rings* const rings = link_->socket().rings();
  if (rings == nullptr ? by_tcp_ : rings->ended()) read_what_is_there();
}

void Channel::forget(Pending& pending) {
  if (take(pending.id)) tell_forgotten(pending.id);
}

void Channel::tell_forgotten(uint64_t id) {
  if (link_ == nullptr) return;
  outbox_.append(wire::FrameType::kCancel, id, 0, {}, {});
  outbox_.flush(link_->socket());
}

// Who waits does not let others wait.
void Channel::send_gathered() {
  gathers_.store(false, std::memory_order_relaxed);
  if (link_ == nullptr || outbox_.empty()) return;
  if (outbox_.flush(link_->socket()) == net::Io::kClosed) break_link(std::shared_ptr(link_));
}

void Channel::flush_due() {
  Lock lock(mutex_, std::try_to_lock);
  // Somebody makes calls; or holds the lock without a processor, which may last.
  if (!lock.owns_lock()) {
    const bool again = due_in_vain_.exchange(true);
    return Flusher::at(again ? Flusher::Pace::kLater : Flusher::Pace::kInBurst)
        .add(weak_from_this());
  }
  due_in_vain_ = false;
  flush_due_ = false;
  const int calls = std::exchange(gathered_, 0);
  pace_ = pending_.empty() ? Flusher::Pace::kSoon : Flusher::next_pace(pace_, calls);
  gathers_.store(false, std::memory_order_relaxed);
  tell_of_ended_streams();
  if (link_ == nullptr || outbox_.empty()) return;
  const auto link = link_;
  const net::Io io = outbox_.flush(link->socket());
  if (io == net::Io::kClosed) break_link(link);
  if (io == net::Io::kWouldBlock) send_later();
}

// The connection takes nothing now: again, until it does, unless a thread waits for that.
void Channel::send_later() {
  if (reading_ && sends_) return;
  if (!reading_ && has_background_) return background_.notify_one();
  if (!std::exchange(flush_due_, true)) Flusher::at(Flusher::Pace::kLater).add(weak_from_this());
}

Result<std::shared_ptr<Pending>> Channel::ask_stream(uint64_t id,
                                                     const std::weak_ptr<Link>& opened_on) {
  wire::Payload arguments;
  wire::Writer writer(arguments);
  writer.begin_list(1);
  writer.unsigned_integer(id);
  auto pending = std::make_shared<Pending>();
  Lock lock(mutex_);
  notice_end();
  const auto gone = [&] {
    return Error(Code::kUnavailable, "the connection to " + server_name() +
                                         " ended, and its streams with it: the node has stopped or "
                                         "was killed");
  };
  if (link_ == nullptr || link_ != opened_on.lock()) return closed_ ? closed_error() : gone();
  LP_TRY(admit(kNextResults, *pending, pending));
  const Status sent = send(lock, *pending, arguments, Sending::kAsync);
  const bool bounced = std::exchange(pending->bounced, false);
  if ((bounced || !sent.ok()) && !pending->done) forget(*pending);
  hand_over();
  if (bounced) return gone();
  if (!sent.ok() && !pending->done) return sent.error();
  return pending;
}

void Channel::end_stream(uint64_t id, std::shared_ptr<Pending> asked) {
  ended_streams_.with([&](auto& ended) { ended.push_back({id, std::move(asked)}); });
  Flusher::at(Flusher::Pace::kSoon).add(weak_from_this());
}

void Channel::tell_of_ended_streams() {
  auto ended = ended_streams_.with([](auto& streams) { return std::exchange(streams, {}); });
  for (const EndedStream& stream : ended) {
    if (stream.asked != nullptr && !stream.asked->done) forget(*stream.asked);
    if (link_ != nullptr) outbox_.append(wire::FrameType::kCancel, stream.id, 0, {}, {});
  }
}

// Until everything is on its way. While the connection takes nothing, reads, so that the server,
// which may wait for its answers to be taken, cannot wait for this client in a circle.
Status Channel::flush(Lock& lock, const base::Deadline& deadline) {
  while (link_ != nullptr && !outbox_.empty()) {
    const net::Io io = outbox_.flush(link_->socket());
    if (io == net::Io::kMoved) break;
    const auto link = link_;
    if (io == net::Io::kClosed) {
      break_link(link);
      break;
    }
    bool interrupted = false;
    if (!reading_) {
      interrupted = read_step(lock, deadline);
    } else {
      lock.unlock();
      bool readable = false;
      bool writable = true;
      const auto tick = base::Deadline::after(kTick);
      link->socket().wait(readable, writable, deadline.never() ? tick : deadline);
      interrupted = options_.interrupted && options_.interrupted();
      lock.lock();
    }
    if (interrupted) return Error(Code::kAborted, "interrupted");
    if (deadline.passed()) {
      return Error(Code::kDeadlineExceeded, server_name() + " did not take the message in time");
    }
  }
  return closed_ ? Status(closed_error()) : Status();
}

}  // namespace lp::courier
