// Any bytes as what a stranger sends first: a greeting, an error, returned slots; and a whole
// session's bytes, which must end in a greeting or a closed connection.
#include <sys/socket.h>

#include <cstdint>
#include <memory>

#include "launchpad/base/check.h"
#include "launchpad/base/fd.h"
#include "launchpad/courier/borrowings.h"
#include "launchpad/courier/handshake.h"
#include "launchpad/courier/session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lp::wire::Payload payload;
  payload.body.assign(reinterpret_cast<const char*>(data), size);
  const auto peer = lp::courier::decode_peer(payload);
  if (peer.ok()) {
    const auto again = lp::courier::decode_peer(lp::courier::encode_peer(peer.value()));
    LP_CHECK(again.ok());
    LP_CHECK(again.value().name == peer.value().name);
  }
  lp::courier::decode_error(lp::Code::kUnknown, payload);
  LP_CHECK(lp::courier::decode_slots(payload).size() == size / sizeof(uint32_t));

  int ends[2];
  LP_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const lp::base::Fd stranger(ends[0]);
  auto session = std::make_shared<lp::courier::Session>(
      lp::net::Socket(lp::base::Fd(ends[1])), std::make_shared<lp::courier::Reactor>(),
      lp::courier::Peer{}, lp::wire::FrameLimits{.body_bytes = 1 << 16, .total_bytes = 1 << 18});
  if (::send(stranger.get(), data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return 0;
  std::vector<lp::wire::Frame> frames;
  session->claim_turn();
  session->read(frames);
  session->close();
  return 0;
}
