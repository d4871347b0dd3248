// Any bytes as what a stranger sends to a server that has a token: they are closed or waited for,
// and never let in; as an answer to a client, which takes none; and to a server without a token.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "launchpad/base/check.h"
#include "launchpad/base/fd.h"
#include "launchpad/courier/entrance.h"

namespace {

const lp::net::Token& token() {
  static const lp::net::Token minted = lp::net::Token::mint();
  return minted;
}

bool lets_in(const lp::net::Token& of_server, const uint8_t* data, size_t size) {
  int ends[2];
  LP_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const lp::base::Fd stranger(ends[0]);
  lp::net::Socket socket{lp::base::Fd(ends[1])};
  lp::courier::Entrance entrance(of_server, true);
  if (::send(stranger.get(), data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return false;
  return entrance.step(socket) == lp::net::Io::kMoved;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  LP_CHECK(!lets_in(token(), data, size));
  lets_in({}, data, size);

  lp::courier::ProofAnswer answer{};
  std::copy_n(reinterpret_cast<const std::byte*>(data), std::min(size, answer.size()),
              answer.begin());
  const lp::courier::ClientProof client(token(), false, lp::courier::fresh_nonce());
  const auto verdict = client.take(answer);
  LP_CHECK(!verdict.ok() || !verdict.value().server_has_token);
  return 0;
}
