// Clients travel too: as an argument or a result, a Client<T> arrives as a client of the same
// server.
#pragma once

#include "launchpad/courier/client.h"

namespace lp {
namespace courier {

// A channel to what the reference names.
Result<std::shared_ptr<Channel>> channel_to(const wire::ClientRef& client);
wire::ClientRef reference_to(const Channel& channel);

}  // namespace courier

namespace wire {

template <class T>
struct Codec<Client<T>> {
  static void write(Writer& w, const Client<T>& client) {
    w.client(courier::reference_to(*client.shared_channel()));
  }
  static Client<T> read(Reader& r) {
    const ClientRef reference = r.client();
    if (!r.ok()) return Client<T>();
    auto channel = courier::channel_to(reference);
    if (!channel.ok()) {
      r.fail(channel.error().message);
      return Client<T>();
    }
    return Client<T>(std::move(channel).value());
  }
  static std::string name() { return "client"; }
};

}  // namespace wire
}  // namespace lp
