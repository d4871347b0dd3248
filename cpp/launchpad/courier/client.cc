#include "launchpad/courier/client.h"

#include "launchpad/courier/balancer.h"

namespace lp::courier {

std::shared_ptr<Channel> make_shared_channel(net::Address address, ChannelOptions options) {
  auto channel = Channel::make(std::move(address), std::move(options));
  // The channel's own thread keeps it alive; clients share this pointer, whose end closes it.
  return std::shared_ptr<Channel>(channel.get(), [channel](Channel*) { channel->close(); });
}

std::shared_ptr<Channel> make_shared_channel(Addresses addresses, ChannelOptions options) {
  if (addresses.all.size() == 1)
    return make_shared_channel(std::move(addresses.all.front()), std::move(options));
  const auto balancer = Balancer::make(std::move(addresses), std::move(options));
  return std::shared_ptr<Channel>(balancer.get(), [balancer](Channel*) { balancer->close(); });
}

}  // namespace lp::courier
