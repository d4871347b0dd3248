#include "launchpad/net/socket_listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launchpad/net/peer_user.h"

namespace lp::net {

SocketListener::~SocketListener() {
  if (!unlink_path_.empty()) ::unlink(unlink_path_.c_str());
}

bool SocketListener::reaches_beyond_host() const { return leaves_loopback(fd_.get()); }

Result<std::optional<Socket>> SocketListener::accept() {
  while (true) {
    base::Fd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd.valid()) {
      if (!admit_(fd.get())) continue;
      return std::optional<Socket>(Socket(std::move(fd)));
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<Socket>();
    if (errno == EINTR || errno == ECONNABORTED) continue;
    return system_error(Code::kResourceExhausted, "cannot accept a connection at", address_);
  }
}

Error system_error(Code code, const std::string& what, const Address& address) {
  const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
  return Error(exhausted ? Code::kResourceExhausted : code,
               what + " '" + address.str() + "': " + std::strerror(errno));
}

Error listen_error(const Address& address) {
  const bool denied = errno == EACCES || errno == EPERM || errno == EROFS;
  return system_error(denied ? Code::kPermissionDenied : Code::kInvalidArgument, "cannot listen at",
                      address);
}

}  // namespace lp::net
