// The tcp transport: loopback unless the address names another interface. Small messages leave at
// once (TCP_NODELAY); a dead peer is noticed by keep-alive probes. Any thread.
#pragma once

#include "launchpad/net/transport.h"

namespace lp::net {

Result<std::unique_ptr<Listener>> listen_tcp(const Address& address);
Result<Socket> connect_tcp(const Address& address, const base::Deadline& deadline = {},
                           const std::function<bool()>& give_up = nullptr);

}  // namespace lp::net
