#include "launchpad/courier/client.h"

namespace lp::courier {

std::shared_ptr<Channel> make_shared_channel(net::Address address, ChannelOptions options) {
  auto channel = Channel::make(std::move(address), std::move(options));
  // The channel's own thread keeps it alive; clients share this pointer, whose end closes it.
  return std::shared_ptr<Channel>(channel.get(), [channel](Channel*) { channel->close(); });
}

}  // namespace lp::courier
