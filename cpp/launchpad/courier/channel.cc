#include "launchpad/courier/channel.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "launchpad/courier/flusher.h"

namespace lp::courier {
namespace {

Error closed_error() { return Error(Code::kCancelled, "the client was closed"); }

}  // namespace

std::shared_ptr<Channel> Channel::make(net::Address address, ChannelOptions options) {
  return std::shared_ptr<Channel>(new Channel(std::move(address), std::move(options)));
}

Channel::Channel(net::Address address, ChannelOptions options)
    : address_(std::move(address)), options_(std::move(options)) {}

Channel::~Channel() = default;

std::string Channel::server_name() const {
  return options_.server_name.empty() ? "the server at '" + address_.str() + "'"
                                      : options_.server_name;
}

Answer Channel::call(std::string_view method, const wire::Payload& arguments,
                     const base::Deadline& deadline) {
  Pending pending;
  pending.deadline = deadline;
  Lock lock(mutex_);
  LP_TRY(submit(lock, method, arguments, pending, nullptr, false));
  return await(lock, pending);
}

Result<std::shared_ptr<Pending>> Channel::start(std::string_view method,
                                                const wire::Payload& arguments,
                                                const base::Deadline& deadline, Callback callback) {
  auto pending = std::make_shared<Pending>();
  pending->deadline = deadline;
  pending->callback = std::move(callback);
  const bool has_callback = pending->callback != nullptr;
  Lock lock(mutex_);
  const Status sent = submit(lock, method, arguments, *pending, pending, true);
  hand_over();
  if (!sent.ok()) return sent.error();
  if (!has_callback) {
    // Nobody may wait for a while: take what is there, so that the server is not held up.
    if (pending_.size() % 128 == 0) read_what_is_there();
    return pending;
  }
  if (!has_background_) {
    has_background_ = true;
    std::thread([self = shared_from_this()] { self->read_in_background(); }).detach();
  } else if (!reading_) {
    background_.notify_one();
  }
  return pending;
}

void Channel::read_what_is_there() {
  if (reading_ || link_ == nullptr) return;
  std::vector<wire::Frame> frames;
  const auto link = link_;
  const net::Io io = link->read_available(frames);
  deliver(frames);
  if (io == net::Io::kClosed) break_link(link);
}

Answer Channel::wait(const std::shared_ptr<Pending>& pending) {
  Lock lock(mutex_);
  return await(lock, *pending);
}

bool Channel::wait_done(const std::shared_ptr<Pending>& pending, const base::Deadline& deadline) {
  Lock lock(mutex_);
  send_gathered();
  if (!pending->done) read_what_is_there();
  while (!pending->done && !deadline.passed()) {
    if (!advance(lock, *pending, deadline)) break;
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
  return peer_;
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

Status Channel::submit(Lock& lock, std::string_view method, const wire::Payload& arguments,
                       Pending& pending, std::shared_ptr<Pending> owner, bool may_gather) {
  LP_TRY(wire::check_frame(method, arguments, options_.limits));
  LP_TRY(connect(lock, pending.deadline));
  if (pending_.size() >= options_.max_pending) {
    return Error(Code::kResourceExhausted,
                 std::to_string(pending_.size()) + " calls to " + server_name() +
                     " wait for an answer: that is the limit (max_pending)");
  }
  uint64_t time_left = 0;
  if (!pending.deadline.never()) {
    time_left = static_cast<uint64_t>(pending.deadline.left().count());
    if (time_left == 0) {
      return Error(Code::kDeadlineExceeded,
                   "the deadline of '" + std::string(method) + "' passed before it was sent");
    }
  }
  pending.id = next_id_++;
  pending.method = method;
  if (pending.callback) {
    ++callbacks_due_;
    if (!pending.deadline.never()) ++timed_callbacks_;
  }
  pending_.emplace(pending.id, Entry{&pending, std::move(owner)});
  outbox_.append(wire::FrameType::kCall, pending.id, time_left, method, arguments);
  // The first call leaves at once; those behind it gather while it is on its way.
  if (may_gather && pending_.size() > 1 && outbox_.bytes() < kGatherBytes) {
    if (!std::exchange(flush_due_, true)) Flusher::instance().add(weak_from_this());
    return {};
  }
  const Status sent = flush(lock, pending.deadline);
  if (!sent.ok() && !pending.done) forget(pending);
  // If the link broke meanwhile, the call is done and holds why.
  return pending.done ? Status() : sent;
}

// Who waits does not let others wait.
void Channel::send_gathered() {
  if (link_ == nullptr || outbox_.empty()) return;
  const auto link = link_;
  if (outbox_.flush(link->socket()) == net::Io::kClosed) break_link(link);
}

void Channel::flush_due() {
  Lock lock(mutex_);
  flush_due_ = false;
  if (link_ == nullptr || outbox_.empty()) return;
  const auto link = link_;
  const net::Io io = outbox_.flush(link->socket());
  if (io == net::Io::kClosed) break_link(link);
  // The connection takes nothing now: again, until it does or somebody waits for it.
  if (io == net::Io::kWouldBlock && !std::exchange(flush_due_, true))
    Flusher::instance().add(weak_from_this());
}

// Until everything is on its way. While the connection takes nothing, reads, so that the server,
// which may wait for its answers to be taken, cannot wait for this client in a circle.
Status Channel::flush(Lock& lock, const base::Deadline& deadline) {
  while (link_ != nullptr && !outbox_.empty()) {
    const auto link = link_;
    const net::Io io = outbox_.flush(link->socket());
    if (io == net::Io::kMoved) break;
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
      net::wait_for(link->socket().fd(), readable, writable, deadline.never() ? tick : deadline);
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

// One step towards the answer: reads as the reader, or waits for whoever is. False: the caller
// should give up, and the reason is in the answer.
bool Channel::advance(Lock& lock, Pending& pending, const base::Deadline& deadline) {
  if (link_ != nullptr && !reading_) {
    return !read_step(lock, deadline) || pending.done;
  } else {
    pending.waited_for = true;
    waiting_.push_back(&pending);
    const auto tick = base::steady_clock().now() + kTick;
    pending.arrived.wait_until(lock, deadline.never() ? tick : std::min(*deadline.at(), tick));
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
  send_gathered();
  while (!pending.done && !interrupted && !pending.deadline.passed()) {
    interrupted = !advance(lock, pending, pending.deadline);
  }
  Answer answer = Error(Code::kAborted, "interrupted");
  if (pending.done) {
    answer = pending.answer ? std::move(*pending.answer) : Answer(closed_error());
    pending.answer.reset();
  } else {
    forget(pending);
    pending.done = true;
    if (!interrupted) {
      answer = Error(Code::kDeadlineExceeded, server_name() + " did not answer '" + pending.method +
                                                  "' before the deadline");
    }
  }
  hand_over();
  return answer;
}

// With the lock on entry and exit, without it while reading.
bool Channel::read_step(Lock& lock, const base::Deadline& deadline) {
  const auto link = link_;
  reading_ = true;
  bool writable = !outbox_.empty();
  lock.unlock();
  std::vector<wire::Frame> frames;
  const net::Io io = link->read_frames(frames, writable, deadline);
  const bool idle = io == net::Io::kWouldBlock || io == net::Io::kInterrupted;
  const bool interrupted = idle && options_.interrupted && options_.interrupted();
  lock.lock();
  reading_ = false;
  deliver(frames);
  if (writable && link == link_) outbox_.flush(link->socket());
  if (io == net::Io::kClosed) break_link(link);
  return interrupted;
}

void Channel::deliver(std::vector<wire::Frame>& frames) {
  for (wire::Frame& frame : frames) {
    if (frame.type != wire::FrameType::kReply && frame.type != wire::FrameType::kError) continue;
    auto entry = take(frame.id);
    if (!entry) continue;  // Cancelled, or too late.
    if (frame.type == wire::FrameType::kReply)
      complete(std::move(*entry), std::move(frame.payload));
    else
      complete(std::move(*entry), decode_error(static_cast<Code>(frame.argument), frame.payload));
  }
}

void Channel::complete(Entry entry, Answer answer) {
  Pending& pending = *entry.pending;
  pending.done = true;
  if (pending.callback) {
    ready_.push_back([callback = std::move(pending.callback),
                      answer = std::move(answer)]() mutable { callback(std::move(answer)); });
    pending.callback = nullptr;
    background_.notify_one();
    return;
  }
  pending.answer.emplace(std::move(answer));
  if (pending.waited_for) pending.arrived.notify_all();
}

void Channel::break_link(const std::shared_ptr<Link>& link) {
  if (link != link_) return;
  link_->socket().shutdown();
  Error error(Code::kUnavailable,
              "the connection to " + server_name() +
                  " ended before it answered: the node has stopped or was killed");
  if (link->broken()) error.message = server_name() + ": " + link->broken()->message;
  link_.reset();
  outbox_.clear();
  fail_all(error);
}

void Channel::fail_all(const Error& error) {
  auto pending = std::move(pending_);
  pending_.clear();
  callbacks_due_ = timed_callbacks_ = 0;
  for (auto& [id, entry] : pending) complete(std::move(entry), error);
}

// Whoever leaves lets another one read, if somebody waits.
void Channel::hand_over() {
  if (reading_ || link_ == nullptr) return;
  if (!waiting_.empty())
    waiting_.front()->arrived.notify_all();
  else if (callbacks_due_ > 0)
    background_.notify_one();
}

std::optional<Channel::Entry> Channel::take(uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return std::nullopt;
  Entry entry = std::move(found->second);
  pending_.erase(found);
  if (entry.pending->callback) {
    --callbacks_due_;
    if (!entry.pending->deadline.never()) --timed_callbacks_;
  }
  return entry;
}

// Nobody waits for the call any more: the server is told.
void Channel::forget(Pending& pending) {
  if (!take(pending.id) || link_ == nullptr) return;
  outbox_.append(wire::FrameType::kCancel, pending.id, 0, {}, {});
  outbox_.flush(link_->socket());
}

void Channel::read_in_background() {
  Lock lock(mutex_);
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
    if (callbacks_due_ > 0 && !reading_ && link_ != nullptr) {
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
  for (const auto& [id, entry] : pending_) {
    const auto& at = entry.pending->deadline.at();
    if (entry.pending->callback && at && (!first || *at < *first)) first = at;
  }
  return first;
}

void Channel::expire_callbacks() {
  std::vector<Entry> expired;
  for (const auto& [id, entry] : pending_) {
    if (entry.pending->callback && entry.pending->deadline.passed()) expired.push_back(entry);
  }
  for (Entry& entry : expired) {
    forget(*entry.pending);
    const std::string method = entry.pending->method;
    complete(std::move(entry),
             Error(Code::kDeadlineExceeded,
                   server_name() + " did not answer '" + method + "' before the deadline"));
  }
}

}  // namespace lp::courier
