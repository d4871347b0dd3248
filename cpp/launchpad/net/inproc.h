// The in-process transport: a name in this process stands for a listener, a connection is a socket
// pair. No file, no port; nobody outside the process can reach it. Any thread.
#pragma once

#include "launchpad/net/transport.h"

namespace lp::net {

Result<std::unique_ptr<Listener>> listen_inproc(const Address& address);
Result<Socket> connect_inproc(const Address& address);

}  // namespace lp::net
