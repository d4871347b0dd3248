// Token is the secret that the processes of one run share, or a server and its clients: who knows
// it may call. It never travels; proofs of it do (courier/proof.h), and the certificates of
// connections that leave the host are made from it (net/tls.h). A value: copies share the secret,
// whose memory is wiped with the last. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "launchpad/base/fd.h"
#include "launchpad/base/result.h"

namespace lp::net {

// A shorter one could be found by trying.
inline constexpr size_t kMinTokenBytes = 16;
inline constexpr size_t kMaxTokenBytes = 4096;

using Digest = std::array<std::byte, 32>;

// Bytes that nobody can guess, from the kernel.
void fill_random(std::span<std::byte> bytes);

// Whether they are equal, in a time that does not tell where they differ. Same sizes.
bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b);

class TlsIdentity;

class Token {
 public:
  // None.
  Token() = default;
  // A new one: 32 random bytes, as hexadecimal digits.
  static Token mint();
  // INVALID_ARGUMENT for one that is too short or too long.
  static Result<Token> of(std::string_view secret);
  // What a file has, without the line's end. NOT_FOUND; PERMISSION_DENIED for a file that is not
  // this user's alone.
  static Result<Token> from_file(const std::string& path);
  // From a descriptor that `hand_down` of another process made; closes it.
  static Result<Token> inherited(base::Fd fd);

  // A descriptor for a child to inherit: memory that nobody can change. RESOURCE_EXHAUSTED.
  Result<base::Fd> hand_down() const;

  explicit operator bool() const { return secret_ != nullptr; }
  // Whether they are the same secret, or both none.
  bool operator==(const Token& other) const;

  // HMAC-SHA256 of `data` with this token as the key. Not for none.
  Digest mac(std::span<const std::byte> data) const;
  // The certificate that all who have the token make of it. Not for none.
  std::shared_ptr<const TlsIdentity> identity() const;

 private:
  struct Secret;
  explicit Token(std::string bytes);

  std::shared_ptr<Secret> secret_;
};

}  // namespace lp::net
