// Proof: how the two ends of a tcp connection show each other that they have the same token, in
// three messages of fixed sizes, before anything else is said. Pure values: no I/O, no clock.
//
//   client -> server  hello   who starts, what it wants, its nonce
//   server -> client  answer  what it wants, its nonce, and its mac of both
//   client -> server  the client's mac of both
//
// Each mac is HMAC-SHA256 with the token, over its maker's role, what both want, and both nonces:
// none can be reflected or replayed, and nobody between can change what they agree on.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "launchpad/net/token.h"

namespace lp::courier {

// What a hello and an answer start with; a frame starts otherwise.
inline constexpr std::array<char, 4> kProofMagic{'L', 'P', 'P', '1'};

using Nonce = std::array<std::byte, 32>;
Nonce fresh_nonce();

inline constexpr size_t kHelloBytes = 4 + 4 + 32;
inline constexpr size_t kAnswerBytes = 4 + 4 + 32 + 32;
using Hello = std::array<std::byte, kHelloBytes>;
using ProofAnswer = std::array<std::byte, kAnswerBytes>;

// The client's side. It proves nothing before the server has.
class ClientProof {
 public:
  ClientProof(net::Token token, bool wants_tls, const Nonce& nonce);

  Hello hello() const;

  struct Verdict {
    bool server_has_token = false;
    bool tls = false;   // Whether TLS follows: either end wants it.
    net::Digest mac{};  // For the server, if it has one.
  };
  // PERMISSION_DENIED: the server has another token. INVALID_ARGUMENT: it is no server of ours.
  Result<Verdict> take(const ProofAnswer& answer) const;

 private:
  net::Token token_;
  bool wants_tls_;
  Nonce nonce_;
};

// The server's side. Without a token it tells a client that has one.
class ServerProof {
 public:
  ServerProof(net::Token token, bool wants_tls, const Nonce& nonce);

  // INVALID_ARGUMENT for bytes that are no hello.
  Result<ProofAnswer> take(const Hello& hello);
  // PERMISSION_DENIED unless the client has the token. After `take`, on a server that has one.
  Status take_mac(const net::Digest& mac) const;
  // Whether TLS follows.
  bool tls() const { return wants_tls_ || client_wants_tls_; }

 private:
  net::Token token_;
  bool wants_tls_;
  bool client_wants_tls_ = false;
  Nonce nonce_;
  Nonce client_nonce_{};
};

}  // namespace lp::courier
