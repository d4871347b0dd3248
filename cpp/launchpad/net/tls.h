// TLS 1.3 over a connected socket, for connections that leave the host: both ends show the
// certificate that is made from their token, and take no other. TlsStream is the layer that a
// Socket owns; reading and writing may go on at the same time, as with a Socket. It does not close
// the socket. After a failure nothing more is read.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "launchpad/base/guarded.h"
#include "launchpad/net/socket.h"
#include "launchpad/net/token.h"

struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;

namespace lp::net {

// A token's key pair and certificate, ready to be shown: an Ed25519 key that is derived from the
// token. Shared by connections. Any thread.
class TlsIdentity {
 public:
  explicit TlsIdentity(const Token& token);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  ssl_ctx_st* context(bool server) const { return server ? server_ : client_; }
  const evp_pkey_st* key() const { return key_; }

 private:
  evp_pkey_st* key_ = nullptr;
  ssl_ctx_st* server_ = nullptr;
  ssl_ctx_st* client_ = nullptr;
};

class TlsStream : public SocketLayer {
 public:
  // The layer of a socket, which must outlive it.
  TlsStream(const Socket& socket, const Token& token, bool server);
  ~TlsStream() override;

  // One step, never waits. kMoved: both ends know each other. kClosed: `failure` says why.
  Io handshake();
  const std::string& failure() const { return failure_; }

  Moved read(std::span<std::byte> space, bool wait) override;
  Moved write(std::span<const iovec> parts) override;
  bool holds_bytes() const override { return holds_bytes_.load(std::memory_order_acquire); }

 private:
  struct State {
    ssl_st* ssl = nullptr;
    size_t unfinished = 0;  // Bytes of a record that OpenSSL has, and the kernel did not take.
    std::unique_ptr<std::byte[]> gathered;  // What goes into one record.
  };

  Moved read_available(std::span<std::byte> space);
  static size_t gather(State& state, std::span<const iovec> parts);

  const int fd_;
  const std::shared_ptr<const TlsIdentity> identity_;
  std::string failure_;
  std::atomic<bool> holds_bytes_{false};
  base::Guarded<State> state_;
};

// Gives back what OpenSSL keeps for the calling thread. It does so by itself when the thread ends,
// but not for one that nobody joins and that still ends when the program does.
void free_tls_of_thread();

}  // namespace lp::net
