#include "launchpad/courier/entrance.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "launchpad/courier/handshake.h"
#include "launchpad/courier/link.h"
#include "launchpad/wire/frame.h"

namespace lp::courier {
namespace {

constexpr char kNeedsToken[] =
    "this server lets in only who has its token: give the client the same one (`token`)";

bool is_frame(const std::array<std::byte, 4>& first) {
  uint32_t magic = 0;
  std::memcpy(&magic, first.data(), sizeof(magic));  // Both are little endian.
  return magic == wire::kFrameMagic;
}

// These messages are small, and the first on their connection: the kernel has room for them.
bool write_all(net::Socket& socket, std::span<const std::byte> bytes) {
  const iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  net::Moved moved;
  do {
    moved = socket.write({&part, 1});
  } while (moved.io == net::Io::kInterrupted);
  return moved.io == net::Io::kMoved && moved.size == bytes.size();
}

// Reads on until the message is whole, as far as it goes now; `filled` of it is there.
net::Io read_on(net::Socket& socket, std::span<std::byte> message, size_t& filled) {
  while (filled < message.size()) {
    const net::Moved moved = socket.read(message.subspan(filled), false);
    if (moved.io != net::Io::kMoved) return moved.io;
    filled += moved.size;
  }
  return net::Io::kMoved;
}

// To a client that starts with a frame; it understands that much.
void say_what_is_missing(net::Socket& socket) {
  const wire::Payload payload = encode_error(Error(Code::kPermissionDenied, kNeedsToken));
  const std::string bytes = wire::frame_head(
      wire::FrameType::kError, 0, static_cast<uint64_t>(Code::kPermissionDenied), {}, payload);
  write_all(socket, std::as_bytes(std::span(bytes)));
  // What is unread when the connection is closed would take that back.
  std::array<std::byte, 4096> unread;
  for (int part = 0; part < 16 && socket.read(unread, false).io == net::Io::kMoved; ++part) {
  }
}

}  // namespace

Entrance::Entrance(net::Token token, bool wants_tls)
    : token_(token), proof_(std::move(token), wants_tls, fresh_nonce()) {}

net::Io Entrance::step(net::Socket& socket) {
  while (true) {
    const Stage before = stage_;
    net::Io io = net::Io::kClosed;
    switch (stage_) {
      case Stage::kFirstBytes:
        io = first_bytes(socket);
        break;
      case Stage::kHello:
        io = hello(socket);
        break;
      case Stage::kMac:
        io = mac(socket);
        break;
      case Stage::kTls:
        io = handshake(socket);
        break;
    }
    if (io == net::Io::kInterrupted) continue;
    if (io != net::Io::kMoved || stage_ == before) return io;
    filled_ = 0;
  }
}

// A frame is left where it is, for its reader.
net::Io Entrance::first_bytes(net::Socket& socket) {
  std::array<std::byte, 4> first;
  const ssize_t got = ::recv(socket.fd(), first.data(), first.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0) {
    if (errno == EINTR) return net::Io::kInterrupted;
    return errno == EAGAIN ? net::Io::kWouldBlock : net::Io::kClosed;
  }
  const auto size = static_cast<size_t>(got);
  if (size == 0) return net::Io::kClosed;  // It said nothing.
  if (std::memcmp(first.data(), kProofMagic.data(), size) == 0) {
    if (size < first.size()) return net::Io::kWouldBlock;
    stage_ = Stage::kHello;
    return net::Io::kMoved;
  }
  if (!token_) return net::Io::kMoved;
  lacks_token_ = size == first.size() && is_frame(first);
  return refuse("it did not start with a proof of the token");
}

void Entrance::last_words(net::Socket& socket) {
  if (lacks_token_) say_what_is_missing(socket);
}

net::Io Entrance::hello(net::Socket& socket) {
  const net::Io io = fill(socket, hello_);
  if (io != net::Io::kMoved) return io;
  auto answer = proof_.take(hello_);
  if (!answer.ok()) return refuse(answer.error().message);
  if (!write_all(socket, answer.value())) return refuse("it does not take the server's proof");
  if (token_) stage_ = Stage::kMac;
  return net::Io::kMoved;
}

net::Io Entrance::mac(net::Socket& socket) {
  const net::Io io = fill(socket, mac_);
  if (io != net::Io::kMoved) return io;
  if (const Status proven = proof_.take_mac(mac_); !proven.ok())
    return refuse(proven.error().message);
  if (proof_.tls()) {
    tls_ = std::make_unique<net::TlsStream>(socket, token_, true);
    stage_ = Stage::kTls;
  }
  return net::Io::kMoved;
}

net::Io Entrance::handshake(net::Socket& socket) {
  const net::Io io = tls_->handshake();
  if (io == net::Io::kClosed) return refuse("TLS: " + tls_->failure());
  if (io == net::Io::kMoved) socket.set_layer(std::move(tls_));
  return io;
}

net::Io Entrance::fill(net::Socket& socket, std::span<std::byte> message) {
  const net::Io io = read_on(socket, message, filled_);
  return io == net::Io::kClosed ? refuse("it ended before it had proven the token") : io;
}

net::Io Entrance::refuse(std::string why) {
  why_ = std::move(why);
  return net::Io::kClosed;
}

namespace {

// Repeats `attempt` until it has moved or ended.
template <class Attempt>
Status until_done(net::Socket& socket, const base::Deadline& deadline,
                  const std::function<Status()>& keep_waiting, Attempt attempt) {
  while (true) {
    const net::Io io = attempt();
    if (io == net::Io::kMoved) return {};
    if (io == net::Io::kClosed)
      return Error(Code::kUnavailable, "the server closed the connection before its proof");
    LP_TRY(keep_waiting());
    if (io == net::Io::kInterrupted) continue;
    if (deadline.passed())
      return Error(Code::kDeadlineExceeded, "the server did not prove its token in time");
    bool readable = true;
    bool writable = false;
    const base::Nanos patience = deadline.never() ? kTick : std::min(kTick, deadline.left());
    net::wait_for(socket.fd(), readable, writable, base::Deadline::after(patience));
  }
}

Status no_token() {
  return Error(Code::kPermissionDenied,
               "the server has no token: start it with this client's one (`token`), or make the "
               "client without");
}

}  // namespace

Status enter(net::Socket& socket, const EnterOptions& options, const base::Deadline& deadline,
             const std::function<Status()>& keep_waiting) {
  if (!options.token) return {};
  const ClientProof proof(options.token, options.wants_tls, fresh_nonce());
  if (!write_all(socket, proof.hello()))
    return Error(Code::kUnavailable, "the server closed the connection");
  ProofAnswer answer{};
  size_t filled = 0;
  LP_TRY(
      until_done(socket, deadline, keep_waiting, [&] { return read_on(socket, answer, filled); }));
  LP_TRY_ASSIGN(const auto verdict, proof.take(answer));
  if (!verdict.server_has_token) return options.may_lack_token ? Status() : no_token();
  if (!write_all(socket, verdict.mac))
    return Error(Code::kUnavailable, "the server closed the connection");
  if (!verdict.tls) return {};
  auto tls = std::make_unique<net::TlsStream>(socket, options.token, false);
  LP_TRY(until_done(socket, deadline, keep_waiting, [&] { return tls->handshake(); }));
  socket.set_layer(std::move(tls));
  return {};
}

}  // namespace lp::courier
