#include "launchpad/courier/proof.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

namespace lp::courier {
namespace {

// The four bytes behind the magic.
struct Head {
  bool wants_tls = false;
  bool has_token = true;
};
constexpr std::byte kTls{1};
constexpr std::byte kNoToken{2};

template <size_t N>
void write_head(std::array<std::byte, N>& message, const Head& head) {
  std::memcpy(message.data(), kProofMagic.data(), kProofMagic.size());
  message[4] = (head.wants_tls ? kTls : std::byte{}) | (head.has_token ? std::byte{} : kNoToken);
}

template <size_t N>
std::optional<Head> read_head(const std::array<std::byte, N>& message) {
  const std::byte flags = message[4];
  const bool known = std::memcmp(message.data(), kProofMagic.data(), kProofMagic.size()) == 0 &&
                     (flags & ~(kTls | kNoToken)) == std::byte{} && message[5] == std::byte{} &&
                     message[6] == std::byte{} && message[7] == std::byte{};
  if (!known) return std::nullopt;
  return Head{(flags & kTls) != std::byte{}, (flags & kNoToken) == std::byte{}};
}

struct Agreed {
  bool client_wants_tls;
  bool server_wants_tls;
  const Nonce& client;
  const Nonce& server;
};

net::Digest make_mac(const net::Token& token, std::string_view role, const Agreed& agreed) {
  std::vector<std::byte> data;
  for (const char c : role) data.push_back(static_cast<std::byte>(c));
  data.push_back(std::byte{0});
  data.push_back(agreed.client_wants_tls ? std::byte{1} : std::byte{0});
  data.push_back(agreed.server_wants_tls ? std::byte{1} : std::byte{0});
  data.insert(data.end(), agreed.client.begin(), agreed.client.end());
  data.insert(data.end(), agreed.server.begin(), agreed.server.end());
  return token.mac(data);
}

constexpr std::string_view kClient = "launchpad proof of a client";
constexpr std::string_view kServer = "launchpad proof of a server";

template <size_t N>
Nonce nonce_in(const std::array<std::byte, N>& message) {
  Nonce nonce;
  std::copy_n(message.begin() + 8, nonce.size(), nonce.begin());
  return nonce;
}

}  // namespace

Nonce fresh_nonce() {
  Nonce nonce;
  net::fill_random(nonce);
  return nonce;
}

ClientProof::ClientProof(net::Token token, bool wants_tls, const Nonce& nonce)
    : token_(std::move(token)), wants_tls_(wants_tls), nonce_(nonce) {}

Hello ClientProof::hello() const {
  Hello hello{};
  write_head(hello, {.wants_tls = wants_tls_});
  std::copy(nonce_.begin(), nonce_.end(), hello.begin() + 8);
  return hello;
}

Result<ClientProof::Verdict> ClientProof::take(const ProofAnswer& answer) const {
  const auto head = read_head(answer);
  if (!head) return Error(Code::kInvalidArgument, "what answers there is no courier server");
  Verdict verdict;
  if (!head->has_token) return verdict;
  verdict.server_has_token = true;
  verdict.tls = wants_tls_ || head->wants_tls;
  const Nonce server = nonce_in(answer);
  const Agreed agreed{wants_tls_, head->wants_tls, nonce_, server};
  net::Digest shown;
  std::copy_n(answer.begin() + 40, shown.size(), shown.begin());
  if (!net::equal_in_constant_time(shown, make_mac(token_, kServer, agreed))) {
    return Error(Code::kPermissionDenied,
                 "the server has another token than this client: give both the same `token`");
  }
  verdict.mac = make_mac(token_, kClient, agreed);
  return verdict;
}

ServerProof::ServerProof(net::Token token, bool wants_tls, const Nonce& nonce)
    : token_(std::move(token)), wants_tls_(wants_tls), nonce_(nonce) {}

Result<ProofAnswer> ServerProof::take(const Hello& hello) {
  const auto head = read_head(hello);
  if (!head || !head->has_token)
    return Error(Code::kInvalidArgument, "it did not start with a proof of the token");
  ProofAnswer answer{};
  if (!token_) {
    write_head(answer, {.has_token = false});
    return answer;
  }
  client_wants_tls_ = head->wants_tls;
  client_nonce_ = nonce_in(hello);
  write_head(answer, {.wants_tls = wants_tls_});
  std::copy(nonce_.begin(), nonce_.end(), answer.begin() + 8);
  const net::Digest mac =
      make_mac(token_, kServer, {client_wants_tls_, wants_tls_, client_nonce_, nonce_});
  std::copy(mac.begin(), mac.end(), answer.begin() + 40);
  return answer;
}

Status ServerProof::take_mac(const net::Digest& mac) const {
  const net::Digest right =
      make_mac(token_, kClient, {client_wants_tls_, wants_tls_, client_nonce_, nonce_});
  if (net::equal_in_constant_time(mac, right)) return {};
  return Error(Code::kPermissionDenied, "it has another token");
}

}  // namespace lp::courier
