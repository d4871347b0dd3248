#include "launchpad/courier/link.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>

namespace lp::courier {
namespace {

// What a client takes from a ring at a time: more frames at once are more memory to touch, which is
// not in the processor's caches if others have had the core.
constexpr size_t kRingTurnBytes = 8 * 1024;

}  // namespace

Link::Link(net::Socket socket, wire::FrameLimits limits)
    : socket_(std::move(socket)), inlet_(limits, socket_.passes_descriptors()) {
  inlet_.trust(limits);
  // A blocked read looks up every tick; that costs nothing while bytes come.
  timeval tick{};
  tick.tv_usec = std::chrono::duration_cast<std::chrono::microseconds>(kTick).count();
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick));
}

Result<Peer> Link::greet(const Peer& self, const base::Deadline& deadline,
                         const std::function<Status()>& keep_waiting) {
  Outbox out;
  Peer hello = self;
  std::shared_ptr<shm::Segment> memory;
  if (hello.shares) {
    // Where there is none the socket does as well.
    if (auto made = net::Rings::make_memory(); made.ok()) {
      memory = std::move(made).value();
      out.announce(memory);
      hello.rings = 0;
    }
  }
  out.append(wire::FrameType::kHello, 0, 0, {}, encode_peer(hello));
  std::vector<wire::Frame> frames;
  while (frames.empty()) {
    if (out.flush(socket_) == net::Io::kClosed) break;
    bool writable = !out.empty();
    const net::Io io = read_frames(frames, writable, deadline);
    if (io == net::Io::kClosed) break;
    LP_TRY(keep_waiting());
    if (frames.empty() && deadline.passed()) {
      return Error(Code::kDeadlineExceeded, "the server did not greet in time");
    }
  }
  if (broken_) return *broken_;
  if (frames.empty()) return Error(Code::kUnavailable, "the server closed the connection");
  const wire::Frame& frame = frames.front();
  if (frame.type == wire::FrameType::kError) {
    return decode_error(static_cast<Code>(frame.argument), frame.payload);
  }
  if (frame.type == wire::FrameType::kBye) {
    return Error(Code::kUnavailable, "the server stops");
  }
  if (frame.type != wire::FrameType::kWelcome) {
    return Error(Code::kInvalidArgument, "the server's first frame is no greeting");
  }
  LP_TRY_ASSIGN(Peer peer, decode_peer(frame.payload));
  if (peer.rings && memory != nullptr) LP_TRY(move_to_rings(std::move(memory), *peer.rings));
  return peer;
}

Status Link::move_to_rings(std::shared_ptr<shm::Segment> memory, uint32_t number) {
  memory->close_descriptor();
  inlet_.read_at_most(kRingTurnBytes);
  LP_TRY_ASSIGN(auto doorbell, shm::Doorbell::open(inlet_.greeting_descriptor()));
  socket_.move_to(std::make_unique<net::Rings>(std::move(memory), std::move(doorbell), number));
  return {};
}

net::Io Link::read_frames(std::vector<wire::Frame>& frames, bool& writable,
                          const base::Deadline& deadline) {
  if (socket_.holds_bytes()) {
    writable = false;  // Not looked at.
    return read_once(frames, false);
  }
  const bool near = !deadline.never() && deadline.left() < kTick;
  if (!writable && !near) return read_once(frames, true);
  bool readable = true;
  const auto tick = base::Deadline::after(kTick);
  const net::Io io = socket_.wait(readable, writable, near ? deadline : tick);
  if (io != net::Io::kMoved || !readable) return io == net::Io::kMoved ? net::Io::kWouldBlock : io;
  return read_once(frames, false);
}

net::Io Link::read_available(std::vector<wire::Frame>& frames) { return read_once(frames, false); }

net::Io Link::read_once(std::vector<wire::Frame>& frames, bool wait) {
  const net::Io io = inlet_.read(socket_, wait);
  if (io != net::Io::kMoved) return io;
  while (true) {
    const Inlet::Next next = inlet_.next(frames);
    if (next == Inlet::Next::kBroken) {
      broken_ = inlet_.why();
      return net::Io::kClosed;
    }
    if (next == Inlet::Next::kNone || !inlet_.more()) return net::Io::kMoved;
  }
}

}  // namespace lp::courier
