// What the two ends of a connection tell each other first, and how errors travel. Pure values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "launchpad/wire/frame.h"

namespace lp::courier {

// Ends with different numbers do not talk to each other.
inline constexpr int kProtocolVersion = 6;

// The language of an end that understands pickles; others take typed values only.
inline constexpr std::string_view kPython = "python";

// Who is at an end of a connection.
struct Peer {
  int version = kProtocolVersion;
  std::string language = "cpp";  // "cpp" or "python".
  std::string name{};            // E.g. "producer/0"; may be empty.
  bool packs = false;            // A client: wants answers compressed where that pays.
  bool shares = false;           // Takes and gives buffers in shared memory on this connection.
  // A client: its greeting carries memory for rings (net/rings.h). A server: that the connection's
  // bytes go through them from now on; its greeting carries the doorbell, where the client has this
  // number.
  std::optional<uint32_t> rings{};
  bool healthy = true;  // A server's word on itself. It greets again when that changes.
};

wire::Payload encode_peer(const Peer& peer);
// INVALID_ARGUMENT for bytes that are none, FAILED_PRECONDITION for another version.
Result<Peer> decode_peer(const wire::Payload& payload);

wire::Payload encode_error(const Error& error);
Error decode_error(Code code, const wire::Payload& payload);

}  // namespace lp::courier
