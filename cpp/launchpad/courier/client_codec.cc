#include "launchpad/courier/client_codec.h"

#include "launchpad/courier/balancer.h"

namespace lp::courier {

Result<std::shared_ptr<Channel>> channel_to(const wire::ClientRef& client) {
  LP_TRY_ASSIGN(Addresses addresses, Addresses::parse(client.address));
  ChannelOptions options;
  options.prebound = client.prebound;
  options.server_name = client.server_name;
  return make_shared_channel(std::move(addresses), std::move(options));
}

wire::ClientRef reference_to(const Channel& channel) {
  return {channel.where(), channel.options().server_name, channel.options().prebound};
}

}  // namespace lp::courier
