// The Unix-socket transport: files in a directory that only its user can enter, and peers of the
// same user only (SO_PEERCRED). Any thread.
#pragma once

#include "launchpad/net/transport.h"

namespace lp::net {

Result<std::unique_ptr<Listener>> listen_unix(const Address& address);
Result<Socket> connect_unix(const Address& address);

// Binds and listens, and leaves the file when the descriptor is closed: for a child process to
// inherit.
Result<base::Fd> bind_unix(const Address& address);

}  // namespace lp::net
