#include "launchpad/courier/session.h"

#include <utility>

#include "launchpad/base/log.h"
#include "launchpad/courier/share.h"
#include "launchpad/net/peer_user.h"
#include "launchpad/wire/writer.h"

namespace lp::courier {
namespace {

// Until the greeting is done, a stranger gets no more memory than this.
constexpr wire::FrameLimits kGreetingLimits{
    .body_bytes = 4096, .total_bytes = 4096, .buffers = 0, .method_bytes = 64};
// A client that has sent so many messages and not taken the answers is likely to send more.
constexpr size_t kBurst = 64;
constexpr size_t kMaxCancelledIds = 65536;
// Of answers that are kept back: what gathers beside a ring, into which more goes without a word,
// and before a socket.
constexpr size_t kQuietBytes = 4 * 1024;
constexpr size_t kCorkedBytes = 64 * 1024;

thread_local const Session* corked_session = nullptr;
thread_local const Session* running_session = nullptr;
thread_local uint64_t running_id = 0;

}  // namespace

Session::Session(net::Socket socket, std::shared_ptr<Reactor> reactor, Peer self,
                 wire::FrameLimits limits)
    : socket_(std::move(socket)),
      reactor_(std::move(reactor)),
      self_(std::move(self)),
      limits_(limits),
      inlet_(kGreetingLimits, socket_.passes_descriptors()) {}

void Session::set_corked_on_this_thread(const Session* session) { corked_session = session; }

void Session::set_running_on_this_thread(const Session* session, uint64_t id) {
  running_session = session;
  running_id = id;
}

Session::~Session() { close(); }

Session::Turn Session::read(std::vector<wire::Frame>& frames) {
  uint32_t seen = edges_.load(std::memory_order_acquire);
  while (true) {
    if (frames.size() >= kMaxFramesPerTurn) return Turn::kMore;
    const bool held = out_.note() && out_.with([](Out& out) {
      return out.reading_held = out.box.bytes() > kMaxUnsentBytes;
    });
    if (held) return Turn::kHeld;
    if (burst_ >= kBurst) gather();
    const size_t before = frames.size();
    const net::Io io = entrance_ != nullptr ? enter() : inlet_.read(socket_, false);
    if (io == net::Io::kClosed) return Turn::kClosed;
    if (io == net::Io::kInterrupted) continue;
    if (io == net::Io::kMoved) {
      if (const Status taken = take_all(frames); !taken.ok()) {
        turn_away(taken.error().message);
        return Turn::kClosed;
      }
      // A full read leaves more behind; a short one has drained the socket (epoll(7),
      // edge-triggered) of all but its end.
      burst_ += frames.size() - before;
      if (inlet_.filled() || socket_.end_noted()) {
        // To read on may take long: who rings must not count on this thread meanwhile.
        reactor_->unexpect();
        continue;
      }
    }
    // Rings tell of more only if they are asked to.
    if (net::Rings* const rings = socket_.rings(); rings != nullptr && !rings->ask_for_bytes())
      continue;
    if (edges_.compare_exchange_strong(seen, 0, std::memory_order_acq_rel)) return Turn::kDrained;
    // Another edge came while this thread read; `seen` is its number now.
  }
}

void Session::gather() {
  const net::Rings* const rings = socket_.rings();
  if (rings == nullptr || rings->drained())
    burst_ = 0;
  else if (!reactor_->crowded())
    rings->gather();
}

net::Io Session::enter() {
  const bool ended = socket_.end_noted();
  const net::Io io = entrance_->step(socket_);
  // It looks at the first bytes without taking them, and so does not see that no more will come.
  if (io == net::Io::kWouldBlock && ended) {
    turn_away("it ended before it had said who it is");
    return net::Io::kClosed;
  }
  if (io == net::Io::kClosed && !entrance_->why().empty()) refuse_entrance();
  if (io != net::Io::kMoved) return io;
  entrance_.reset();
  return net::Io::kInterrupted;
}

void Session::refuse_entrance() {
  if (closed_.exchange(true, std::memory_order_acq_rel)) return;
  log_end(entrance_->why());
  entrance_->last_words(socket_);
  socket_.shutdown();
}

void Session::turn_away(const std::string& why) {
  if (closed_.exchange(true, std::memory_order_acq_rel)) return;
  log_end(why);
  socket_.shutdown();
}

void Session::log_end(const std::string& why) const {
  base::log(base::LogLevel::kWarning,
            "closed a connection" + net::from_where(socket_.fd()) + ": " + why);
}

Status Session::take_all(std::vector<wire::Frame>& frames) {
  do {
    const Inlet::Next next = inlet_.next(frames);
    if (next == Inlet::Next::kBroken) return inlet_.why();
    if (next == Inlet::Next::kNone) return {};
    if (known() && frames.back().type != wire::FrameType::kReturn) continue;
    const wire::Frame own = std::move(frames.back());
    frames.pop_back();
    if (!known())
      LP_TRY(greet(own));
    else
      LP_TRY(out_.with([&](Out& out) { return out.box.give_back(own); }));
  } while (inlet_.more());
  return {};
}

Status Session::greet(const wire::Frame& frame) {
  if (frame.type != wire::FrameType::kHello)
    return Error(Code::kInvalidArgument, "it did not start with a greeting");
  auto peer = decode_peer(frame.payload);
  if (!peer.ok()) {
    answer(wire::FrameType::kError, 0, static_cast<uint64_t>(peer.error().code),
           encode_error(peer.error()));
    return std::move(peer).error();
  }
  peer_ = std::move(peer).value();
  inlet_.trust(limits_);
  peer_.shares = peer_.shares && socket_.passes_descriptors();
  auto rings = accept_rings();
  const bool sent = out_.with([&](Out& out) {
    out.welcomed = true;
    if (rings) out.box.announce(reactor_->doorbell()->memory());
    welcome(out);
    if (rings && !out.box.empty()) return false;
    if (rings) socket_.move_to(std::move(rings));
    return true;
  });
  if (!sent) return Error(Code::kUnavailable, "it did not take the greeting");
  if (peer_.shares) begin_sharing();
  known_.store(true, std::memory_order_release);
  return {};
}

std::unique_ptr<net::Rings> Session::accept_rings() {
  const bool offered = std::exchange(peer_.rings, std::nullopt).has_value();
  if (!offered || !peer_.shares) return nullptr;
  auto memory = shm::Segment::open(inlet_.greeting_descriptor(), net::Rings::memory_size());
  if (!memory.ok() || !(*memory)->make_writable()) return nullptr;
  peer_.rings = reactor_->enter(weak_from_this());
  if (!peer_.rings) return nullptr;
  (*memory)->close_descriptor();
  return std::make_unique<net::Rings>(std::move(memory).value());
}

void Session::welcome(Out& out) {
  Peer self = self_;
  self.rings = peer_.rings;
  self.shares = peer_.shares;
  self.healthy = out.healthy;
  out.box.append(wire::FrameType::kWelcome, 0, 0, {}, encode_peer(self));
  flush_locked(out);
}

void Session::set_healthy(bool healthy) {
  out_.with([&](Out& out) {
    if (std::exchange(out.healthy, healthy) != healthy && out.welcomed && !out.closing)
      welcome(out);
  });
}

void Session::begin_sharing() {
  auto returns = std::make_shared<Returns>(
      [weak = weak_from_this()] { Flusher::at(Flusher::Pace::kLater).add(weak); });
  inlet_.share(returns);
  out_.with([&](Out& out) { out.box.share(std::move(returns)); });
}

void Session::answer(wire::FrameType type, uint64_t id, uint64_t argument,
                     const wire::Payload& payload) {
  const bool is_answer =
      type == wire::FrameType::kReply || (type == wire::FrameType::kError && id != 0);
  const bool last = is_answer && calls_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  std::optional<wire::Payload> copies;
  const wire::Payload& sent = as_sent(payload, copies, peer_.shares, peer_.packs);
  const bool waits_next = running_session == this && running_id == id && corked_session != this;
  if (waits_next) reactor_->expect();
  bool stands = false;  // In line.
  out_.with([&](Out& out) {
    if (last && !out.cancelled.empty()) forget_cancelled(out);
    if (out.closing || closed()) return;
    if (const Status fits = wire::check_frame({}, payload, limits_); !fits.ok() && is_answer) {
      out.box.append(wire::FrameType::kError, id, static_cast<uint64_t>(fits.error().code), {},
                     encode_error(fits.error()));
    } else {
      out.box.append(type, id, argument, {}, sent);
    }
    if (corked_session == this && keep_back(out)) return;
    stands = waits_next && waits_for_turn();
    flush_locked(out, stands);
  });
  if (stands) reactor_->answered();
}

bool Session::keep_back(Out& out) {
  if (out.box.bytes() <= kQuietBytes || out.watching) return true;
  net::Rings* const rings = socket_.rings();
  if (rings == nullptr) return out.box.bytes() <= kCorkedBytes;
  rings->keep_quiet();
  return out.box.flush(socket_) == net::Io::kMoved;
}

void Session::answer_with_stream(uint64_t id, std::shared_ptr<wire::PayloadStream> source) {
  Status opened = streams_.open(id, std::move(source));
  // Its cancel may have come before it was there.
  if (is_cancelled(id)) streams_.cancel(id);
  if (!opened.ok()) {
    answer(wire::FrameType::kError, id, static_cast<uint64_t>(opened.error().code),
           encode_error(opened.error()));
    return;
  }
  wire::Payload nothing;
  wire::Writer(nothing).nil();
  answer(wire::FrameType::kReply, id, wire::kStreamFollows, nothing);
}

bool Session::flush() {
  return out_.with([&](Out& out) { return flush_locked(out); });
}

bool Session::waits_for_turn() {
  return client_sleeps() && reactor_->stand_in_line(shared_from_this());
}

bool Session::flush_locked(Out& out, bool quietly) {
  net::Rings* const rings = socket_.rings();
  bool told = false;
  if (rings != nullptr && quietly)
    rings->keep_quiet();
  else if (rings != nullptr)
    told = rings->tell();
  if (out.box.empty() || out.watching || closed()) return told;
  net::Io io;
  do {
    io = out.box.flush(socket_);
  } while (io == net::Io::kWouldBlock && !watch(out));
  if (io == net::Io::kClosed) out.box.clear();
  // Only the client can make room.
  if (quietly && !out.box.empty()) told = rings->tell();
  return told;
}

void Session::ask_to_rest(shm::Rest rest) {
  if (net::Rings* const rings = socket_.rings()) rings->ask_to_rest(rest);
}

bool Session::note_edge(bool ended) {
  socket_.note_edge(ended);
  return !over_rings();
}

bool Session::flush_ready() {
  if (!out_.note()) return false;
  return out_.with([&](Out& out) {
    if (out.watching) {
      out.watching = false;
      if (!over_rings()) rewatch(out);
      flush_locked(out);
    }
    if (out.closing && out.box.empty()) close();
    if (!out.reading_held || out.box.bytes() > kMaxUnsentBytes / 2) return false;
    out.reading_held = false;
    return true;
  });
}

bool Session::watch(Out& out) {
  // Before anybody can hear of room.
  out_.foretell(true);
  if (net::Rings* const rings = socket_.rings()) return out.watching = rings->ask_for_room();
  out.watching = true;
  rewatch(out);
  return true;
}

void Session::watch_reading(bool watched) {
  out_.with([&](Out& out) {
    out.reading = watched;
    rewatch(out);
  });
}

void Session::rewatch(const Out& out) {
  const uint32_t reading = out.reading ? kReadingEvents : uint32_t{EPOLLET};
  reactor_->rewatch(socket_.fd(), reading | (out.watching ? uint32_t{EPOLLOUT} : 0));
}

void Session::say_bye() {
  out_.with([&](Out& out) {
    if (closed() || out.closing) return;
    if (!out.welcomed) return close();  // It would not understand.
    out.box.append(wire::FrameType::kBye, 0, 0, {}, {});
    out.closing = true;
    flush_locked(out);
    if (out.box.empty()) close();
  });
}

void Session::close() {
  if (!closed_.exchange(true, std::memory_order_acq_rel)) socket_.shutdown();
}

bool Session::is_cancelled(uint64_t id) {
  if (closed()) return true;
  if (!any_cancelled_.load(std::memory_order_acquire)) return false;
  return out_.with([&](Out& out) { return out.cancelled.contains(id); });
}

void Session::forget_cancelled(Out& out) {
  out.cancelled.clear();
  any_cancelled_.store(false, std::memory_order_release);
}

void Session::cancel(uint64_t id) {
  out_.with([&](Out& out) {
    if (calls_.load(std::memory_order_acquire) == 0) return;
    // Ids of calls that were answered meanwhile stay until no call is in flight: bounded all the
    // same.
    if (out.cancelled.size() >= kMaxCancelledIds) out.cancelled.clear();
    out.cancelled.insert(id);
    any_cancelled_.store(true, std::memory_order_release);
  });
  // After that: who opens it meanwhile sees the one or is there for the other.
  streams_.cancel(id);
}

}  // namespace lp::courier
