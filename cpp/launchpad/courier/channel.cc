#include "launchpad/courier/channel.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "launchpad/base/recycled.h"
#include "launchpad/courier/current_call.h"
#include "launchpad/courier/frame_batch.h"
#include "launchpad/courier/inflow.h"
#include "launchpad/courier/share.h"

namespace lp::courier {
namespace {

// Whose callbacks this thread runs.
thread_local const Channel* runs_callbacks_of = nullptr;

}  // namespace

Error closed_error() { return Error(Code::kCancelled, "the client was closed"); }

std::shared_ptr<Channel> Channel::make(net::Address address, ChannelOptions options) {
  return std::shared_ptr<Channel>(new Channel(std::move(address), std::move(options)));
}

Channel::Channel(net::Address address, ChannelOptions options)
    : address_(std::move(address)),
      options_(std::move(options)),
      may_share_(address_.kind != net::Kind::kTcp || !options_.nearer.empty()) {}

Channel::~Channel() = default;

std::string Channel::server_name() const {
  return options_.server_name.empty() ? "the server at '" + where() + "'" : options_.server_name;
}

Answer Channel::call(std::string_view method, const wire::Payload& arguments,
                     const base::Deadline& deadline) {
  Pending pending;
  pending.deadline = options_.inherits_deadline ? CurrentCall::limit(deadline) : deadline;
  std::optional<wire::Payload> copies;
  const wire::Payload& sent = as_sent(arguments, copies, may_share_, options_.compress);
  Lock lock(mutex_);
  if (Status submitted = submit(lock, method, sent, pending); !submitted.ok()) {
    hand_over();  // It may have read for others meanwhile.
    return std::move(submitted).error();
  }
  return await(lock, pending);
}

Result<std::shared_ptr<Pending>> Channel::start(std::string_view method,
                                                const wire::Payload& arguments,
                                                const base::Deadline& deadline, Callback callback,
                                                TypedInstead typed, bool may_wait) {
  auto pending = std::allocate_shared<Pending>(base::Recycled<Pending>());
  pending->deadline = options_.inherits_deadline ? CurrentCall::limit(deadline) : deadline;
  pending->callback = std::move(callback);
  const bool has_callback = pending->callback != nullptr;
  std::optional<wire::Payload> copies;
  const wire::Payload& payload = as_sent(arguments, copies, may_share_, options_.compress);
  Lock lock(mutex_);
  const Status sent = submit_or_park(lock, method, payload, pending, std::move(typed), may_wait);
  hand_over();
  if (!sent.ok()) return sent.error();
  if (!has_callback) {
    // Nobody may wait for a while: take what is there, so that the server is not held up.
    if (pending_.size() % 128 == 0) read_what_is_there();
    return pending;
  }
  ensure_background(*pending);
  return pending;
}

void Channel::ensure_background(const Pending& pending) {
  if (!std::exchange(has_background_, true)) {
    std::thread([self = shared_from_this()]() { self->read_in_background(); }).detach();
  } else if (!reading_ || !pending.deadline.never()) {
    // It reads if nobody does, and ends the call in time though somebody else reads.
    background_.notify_one();
  }
}

bool Channel::on_answer(const std::shared_ptr<Pending>& pending, Callback callback) {
  Lock lock(mutex_);
  send_gathered();
  if (!pending->done) read_what_is_there();
  if (pending->done) return false;
  pending->callback = std::move(callback);
  ++callbacks_due_;
  if (!pending->deadline.never()) ++timed_callbacks_;
  ensure_background(*pending);
  return true;
}

void Channel::read_what_is_there() {
  if (reading_ || link_ == nullptr) return;
  FrameBatch batch;
  const auto link = link_;
  const net::Io io = link->read_available(batch.frames());
  const bool stops = deliver(*link, batch.frames());
  if (io == net::Io::kClosed || (stops && pending_.empty())) break_link(link);
}

Answer Channel::wait(const std::shared_ptr<Pending>& pending) {
  const bool done = pending->done.load(std::memory_order_acquire);
  if (done && !gathers_.load(std::memory_order_relaxed)) return answer_of(*pending);
  Lock lock(mutex_);
  return await(lock, *pending);
}

bool Channel::wait_done(const std::shared_ptr<Pending>& pending, const base::Deadline& deadline) {
  Lock lock(mutex_);
  send_gathered();
  if (!pending->done) read_what_is_there();
  while (!pending->done && !deadline.passed()) {
    if (!advance(lock, *pending, deadline)) break;
    if (options_.inherits_deadline && CurrentCall::gone()) break;
  }
  hand_over();
  return pending->done;
}

bool Channel::cancel(const std::shared_ptr<Pending>& pending) {
  Lock lock(mutex_);
  if (pending->done) return false;
  forget(*pending);
  complete(Entry{pending.get(), pending}, Error(Code::kCancelled, "the call was cancelled"));
  return true;
}

Result<Peer> Channel::peer(const base::Deadline& deadline) {
  Lock lock(mutex_);
  LP_TRY(connect(lock, deadline));
  return *peer_;
}

std::optional<Peer> Channel::known_peer() {
  const Lock lock(mutex_);
  return peer_;
}

bool Channel::ready() {
  Lock lock(mutex_);
  if (pending_.empty()) read_what_is_there();
  return link_ != nullptr && peer_->healthy;
}

size_t Channel::calls() {
  const Lock lock(mutex_);
  return pending_.size();
}

void Channel::close() {
  Lock lock(mutex_);
  if (closed_) return;
  closed_ = true;
  if (link_ != nullptr) {
    outbox_.flush(link_->socket());
    link_->socket().shutdown();
  }
  fail_all(closed_error());
  changed_.notify_all();
  background_.notify_all();
}

// One step towards the answer: reads as the reader, or waits for whoever is. False: the caller
// should give up, and the reason is in the answer.
bool Channel::advance(Lock& lock, Pending& pending, const base::Deadline& deadline) {
  if (link_ != nullptr && !reading_) {
    return !read_step(lock, deadline) || pending.done;
  } else {
    if (!pending.arrived) pending.arrived = std::make_unique<std::condition_variable>();
    pending.waited_for = true;
    waiting_.push_back(&pending);
    const auto tick = base::steady_clock().now() + kTick;
    pending.arrived->wait_until(lock, deadline.never() ? tick : std::min(*deadline.at(), tick));
    std::erase(waiting_, &pending);
    pending.waited_for = false;
    if (!pending.done && options_.interrupted) {
      lock.unlock();
      const bool interrupted = options_.interrupted();
      lock.lock();
      if (interrupted) return false;
    }
  }
  return true;
}

Answer Channel::await(Lock& lock, Pending& pending) {
  bool interrupted = false;
  std::optional<Error> gone;
  send_gathered();
  while (!pending.done && !interrupted && !gone && !pending.deadline.passed()) {
    interrupted = !advance(lock, pending, pending.deadline);
    if (!pending.done && options_.inherits_deadline) gone = CurrentCall::gone();
  }
  if (!pending.done) {
    forget(pending);
    if (gone) {
      pending.answer = std::move(*gone);
    } else if (interrupted) {
      pending.answer = Error(Code::kAborted, "interrupted");
    } else {
      pending.answer = Error(Code::kDeadlineExceeded, server_name() + " did not answer '" +
                                                          pending.method + "' before the deadline");
    }
    pending.done = true;
  }
  hand_over();
  return answer_of(pending);
}

Answer Channel::answer_of(Pending& pending) {
  if (!pending.answer) return closed_error();
  Answer answer = std::move(*pending.answer);
  pending.answer.reset();
  return answer;
}

// With the lock on entry and exit, without it while reading.
bool Channel::read_step(Lock& lock, const base::Deadline& deadline) {
  const auto link = link_;
  reading_ = true;
  bool writable = sends_ = !outbox_.empty();
  FrameBatch batch;
  lock.unlock();
  const net::Io io = link->read_frames(batch.frames(), writable, deadline);
  const bool idle = io == net::Io::kWouldBlock || io == net::Io::kInterrupted;
  const bool interrupted = idle && options_.interrupted && options_.interrupted();
  lock.lock();
  reading_ = false;
  deliver(*link, batch.frames());
  const bool sends = writable && link == link_;
  const bool lost = sends && outbox_.flush(link->socket()) == net::Io::kClosed;
  // Reading alone need not tell: of rings it may go on waiting.
  if (io == net::Io::kClosed || lost) break_link(link);
  return interrupted;
}

bool Channel::deliver(Link& from, std::vector<wire::Frame>& frames) {
  bool stops = false;
  // What the server said of itself and of its loans on an earlier connection means nothing any
  // more.
  const bool current = link_.get() == &from;
  for (wire::Frame& frame : frames) {
    if (frame.type == wire::FrameType::kBye) {
      stops = true;
      said_bye_ |= current || link_ == nullptr;
    }
    if (frame.type == wire::FrameType::kReturn) {
      if (current && !outbox_.give_back(frame).ok()) from.socket().shutdown();
      continue;
    }
    if (frame.type == wire::FrameType::kWelcome) {  // Its health changed.
      auto peer = decode_peer(frame.payload);
      if (current && peer.ok()) peer_->healthy = peer->healthy;
      continue;
    }
    if (frame.type != wire::FrameType::kReply && frame.type != wire::FrameType::kError) continue;
    auto entry = take(frame.id);
    if (!entry) continue;  // Cancelled, or too late.
    if (frame.type == wire::FrameType::kReply) {
      if (frame.argument == wire::kStreamFollows)
        frame.payload.stream = make_inflow(*entry->pending);
      complete(std::move(*entry), std::move(frame.payload));
    } else {
      complete(std::move(*entry), decode_error(static_cast<Code>(frame.argument), frame.payload));
    }
  }
  return stops;
}

std::shared_ptr<wire::PayloadStream> Channel::make_inflow(const Pending& opened) {
  std::optional<base::Nanos> patience;
  if (opened.patience > base::Nanos(0)) patience = opened.patience;
  return std::make_shared<Inflow>(shared_from_this(), link_, opened.id, opened.method, patience);
}

void Channel::complete(Entry&& entry, wire::Payload&& result) {
  settle(*entry.pending, std::move(result));
}

void Channel::complete(Entry&& entry, Error error) { settle(*entry.pending, std::move(error)); }

template <class A>
void Channel::settle(Pending& pending, A&& answer) {
  if (pending.callback) {
    ready_.push_back(
        [callback = std::exchange(pending.callback, nullptr),
         answer = Answer(std::move(answer))]() mutable { callback(std::move(answer)); });
    background_.notify_one();
  } else {
    pending.answer.emplace(std::move(answer));
  }
  pending.done.store(true, std::memory_order_release);
  if (pending.waited_for) pending.arrived->notify_all();
}

void Channel::break_link(const std::shared_ptr<Link>& link) {
  if (link != link_) return;
  link_->socket().shutdown();
  Error error(Code::kUnavailable,
              "the connection to " + server_name() +
                  " ended before it answered: the node has stopped or was killed");
  if (link->broken()) error.message = server_name() + ": " + link->broken()->message;
  const uint64_t sent = outbox_.appended() - outbox_.bytes();
  link_.reset();
  outbox_.clear();
  std::vector<uint64_t> lost;
  pending_.for_each([&](Pending& pending) {
    // Nobody has seen any of it, and who submits it still has it: it may be sent again.
    if (pending.submitting && pending.begins_at >= sent)
      pending.bounced = true;
    else
      lost.push_back(pending.id);
  });
  for (const uint64_t id : lost) complete(*take(id), error);
}

void Channel::fail_all(const Error& error) {
  auto pending = pending_.take_all();
  unsent_.clear();
  callbacks_due_ = timed_callbacks_ = 0;
  for (Entry& entry : pending) complete(std::move(entry), error);
}

// Whoever leaves lets another one read and send, if somebody waits.
void Channel::hand_over() {
  if (reading_ || link_ == nullptr) return;
  if (!waiting_.empty())
    waiting_.front()->arrived->notify_all();
  else if (callbacks_due_ > 0)
    background_.notify_one();
  else if (outbox_.bytes() > 0)
    send_later();
}

std::optional<Channel::Entry> Channel::take(uint64_t id) {
  auto entry = pending_.take(id);
  if (!entry) return entry;
  if (!unsent_.empty()) unsent_.erase(id);
  if (entry->pending->callback) {
    --callbacks_due_;
    if (!entry->pending->deadline.never()) --timed_callbacks_;
  }
  return entry;
}

bool Channel::calls_back_here() const { return runs_callbacks_of == this; }

void Channel::read_in_background() {
  Lock lock(mutex_);
  runs_callbacks_of = this;
  while (true) {
    if (!ready_.empty()) {
      auto ready = std::move(ready_);
      ready_.clear();
      lock.unlock();
      const auto run_all = [&] {
        for (auto& callback : ready) callback();
        ready.clear();
      };
      if (options_.around_callbacks)
        options_.around_callbacks(run_all);
      else
        run_all();
      lock.lock();
      continue;
    }
    if (closed_) return;
    const auto deadline_at = next_callback_deadline();
    if ((callbacks_due_ > 0 || !outbox_.empty()) && !reading_ && link_ != nullptr) {
      read_step(lock, deadline_at ? base::Deadline(*deadline_at) : base::Deadline());
    } else if (deadline_at) {
      background_.wait_until(lock, *deadline_at);
    } else {
      background_.wait(lock);
    }
    if (timed_callbacks_ > 0) expire_callbacks();
  }
}

std::optional<base::TimePoint> Channel::next_callback_deadline() const {
  std::optional<base::TimePoint> first;
  if (timed_callbacks_ == 0) return first;
  pending_.for_each([&](const Pending& pending) {
    const auto& at = pending.deadline.at();
    if (pending.callback && at && (!first || *at < *first)) first = at;
  });
  return first;
}

void Channel::expire_callbacks() {
  std::vector<uint64_t> expired;
  pending_.for_each([&](const Pending& pending) {
    if (pending.callback && pending.deadline.passed()) expired.push_back(pending.id);
  });
  for (const uint64_t id : expired) {
    Entry entry = *take(id);
    tell_forgotten(id);
    complete(std::move(entry),
             Error(Code::kDeadlineExceeded, server_name() + " did not answer '" +
                                                entry.pending->method + "' before the deadline"));
  }
}

}  // namespace lp::courier
