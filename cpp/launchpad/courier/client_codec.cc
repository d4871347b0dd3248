#include "launchpad/courier/client_codec.h"

namespace lp::courier {

Result<std::shared_ptr<Channel>> channel_to(const wire::ClientRef& client) {
  LP_TRY_ASSIGN(net::Address address, net::Address::parse(client.address));
  ChannelOptions options;
  options.prebound = client.prebound;
  options.server_name = client.server_name;
  return make_shared_channel(std::move(address), std::move(options));
}

wire::ClientRef reference_to(const Channel& channel) {
  return {channel.address().str(), channel.options().server_name, channel.options().prebound};
}

}  // namespace lp::courier
