// Entrance is what a tcp connection passes before its first frame: the proof of the token, and TLS
// if it leaves the host. The server's is stepped by the thread that reads the connection and never
// waits; a client enters with the thread that connects. Neither reads a byte beyond its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "launchpad/base/clock.h"
#include "launchpad/courier/proof.h"
#include "launchpad/net/socket.h"
#include "launchpad/net/tls.h"

namespace lp::courier {

class Entrance {
 public:
  // Of a connection that was accepted. Without a token every client of this host passes.
  Entrance(net::Token token, bool wants_tls);

  // kMoved: it is through, and the socket has its layer. kClosed: `why` says why, if the other end
  // sent anything.
  net::Io step(net::Socket& socket);
  const std::string& why() const { return why_; }
  // Tells a client that was refused what it lacks, if it understands that.
  void last_words(net::Socket& socket);

 private:
  enum class Stage { kFirstBytes, kHello, kMac, kTls };

  net::Io first_bytes(net::Socket& socket);
  net::Io hello(net::Socket& socket);
  net::Io mac(net::Socket& socket);
  net::Io handshake(net::Socket& socket);
  // Reads what is left of a message of that size.
  net::Io fill(net::Socket& socket, std::span<std::byte> message);
  net::Io refuse(std::string why);

  const net::Token token_;
  ServerProof proof_;
  Stage stage_ = Stage::kFirstBytes;
  size_t filled_ = 0;  // Of the message that comes.
  Hello hello_{};
  net::Digest mac_{};
  std::unique_ptr<net::TlsStream> tls_;
  std::string why_;
  bool lacks_token_ = false;  // A client that started with a frame.
};

struct EnterOptions {
  net::Token token{};
  bool wants_tls = false;
  bool may_lack_token = false;  // A server without a token will do.
};

// The client's. With a token the server has shown that it has the same one when this returns.
// PERMISSION_DENIED: it has another one, or none; UNAVAILABLE: it closed the connection.
// `keep_waiting` is asked at every tick.
Status enter(net::Socket& socket, const EnterOptions& options, const base::Deadline& deadline,
             const std::function<Status()>& keep_waiting);

}  // namespace lp::courier
