// The tokens of servers and clients in Python: explicit ones, and the run's. With the GIL.
#pragma once

#include <optional>

#include "launchpad/courier/channel.h"
#include "launchpad/net/token.h"

namespace lp::bindings {

// The token of the program that the calling thread belongs to; or none.
net::Token run_token();

// `explicit_token`, which the server must have; else the run's, which a server of this host need
// not have.
void set_token(courier::ChannelOptions& options, const std::optional<net::Token>& explicit_token);

}  // namespace lp::bindings
