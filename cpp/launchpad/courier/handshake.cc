#include "launchpad/courier/handshake.h"

#include "launchpad/shm/doorbell.h"
#include "launchpad/wire/reader.h"
#include "launchpad/wire/writer.h"

namespace lp::courier {

wire::Payload encode_peer(const Peer& peer) {
  wire::Payload payload;
  wire::Writer writer(payload);
  writer.begin_list(7);
  writer.integer(peer.version);
  writer.string(peer.language);
  writer.string(peer.name);
  writer.boolean(peer.shares);
  writer.boolean(peer.healthy);
  writer.boolean(peer.packs);
  writer.integer(peer.rings ? static_cast<int64_t>(*peer.rings) : -1);
  return payload;
}

Result<Peer> decode_peer(const wire::Payload& payload) {
  wire::Reader reader(payload);
  Peer peer;
  const size_t count = reader.list();
  peer.version = static_cast<int>(reader.integer());
  if (reader.ok() && peer.version != kProtocolVersion) {
    return Error(Code::kFailedPrecondition, "the other end speaks version " +
                                                std::to_string(peer.version) +
                                                " of courier's protocol, this one version " +
                                                std::to_string(kProtocolVersion) +
                                                ": install the same launchpad on both sides");
  }
  peer.language = reader.string();
  peer.name = reader.string();
  peer.shares = reader.boolean();
  peer.healthy = reader.boolean();
  peer.packs = reader.boolean();
  const int64_t number = reader.integer();
  if (number >= shm::Doorbell::kNumbers || number < -1) {
    return Error(Code::kInvalidArgument, "the greeting is malformed");
  }
  if (number >= 0) peer.rings = static_cast<uint32_t>(number);
  if (!reader.ok() || count != 7) return Error(Code::kInvalidArgument, "the greeting is malformed");
  return peer;
}

wire::Payload encode_error(const Error& error) {
  wire::Payload payload;
  wire::Writer writer(payload);
  writer.begin_list(4);
  writer.string(error.message);
  writer.string(error.remote_type);
  writer.string(error.remote_trace);
  writer.bytes(error.remote_data);
  return payload;
}

Error decode_error(Code code, const wire::Payload& payload) {
  wire::Reader reader(payload);
  Error error;
  error.code = code == Code::kOk ? Code::kUnknown : code;
  reader.list();
  error.message = reader.string();
  error.remote_type = reader.string();
  error.remote_trace = reader.string();
  error.remote_data = reader.bytes();
  if (!reader.ok()) error.message = "the server answered with a malformed error";
  return error;
}

}  // namespace lp::courier
