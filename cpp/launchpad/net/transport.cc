#include "launchpad/net/transport.h"

#include "launchpad/net/inproc.h"
#include "launchpad/net/tcp_socket.h"
#include "launchpad/net/unix_socket.h"

namespace lp::net {

Result<std::unique_ptr<Listener>> listen(const Address& address) {
  switch (address.kind) {
    case Kind::kUnix:
      return listen_unix(address);
    case Kind::kTcp:
      return listen_tcp(address);
    case Kind::kInproc:
      break;
  }
  return listen_inproc(address);
}

Result<Socket> connect(const Address& address, const base::Deadline& deadline,
                       const std::function<bool()>& give_up) {
  switch (address.kind) {
    case Kind::kUnix:
      return connect_unix(address);
    case Kind::kTcp:
      return connect_tcp(address, deadline, give_up);
    case Kind::kInproc:
      break;
  }
  return connect_inproc(address);
}

}  // namespace lp::net
