#include "launchpad/net/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launchpad/base/log.h"
#include "launchpad/net/socket_listener.h"

namespace lp::net {
namespace {

sockaddr_un to_sockaddr(const Address& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.name.data(), std::min(address.name.size(), max_unix_path()));
  return name;
}

// Only processes of this user (and root) are let in.
bool admit_same_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == ::geteuid() || peer.uid == 0) return true;
  base::log(base::LogLevel::kWarning, "turned away a connection of user " + std::to_string(peer.uid));
  return false;
}

}  // namespace

Result<base::Fd> bind_unix(const Address& address) {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return system_error(Code::kResourceExhausted, "cannot make a socket for", address);
  const sockaddr_un name = to_sockaddr(address);
  const auto* raw = reinterpret_cast<const sockaddr*>(&name);
  if (::bind(fd.get(), raw, sizeof(name)) != 0) {
    if (errno != EADDRINUSE) return system_error(Code::kPermissionDenied, "cannot listen at", address);
    // A file that nobody listens behind is left over from a process that was killed.
    if (connect_unix(address).ok()) {
      return Error(Code::kAlreadyExists, "another server already listens at '" + address.str() + "'");
    }
    ::unlink(address.name.c_str());
    if (::bind(fd.get(), raw, sizeof(name)) != 0) {
      return system_error(Code::kPermissionDenied, "cannot listen at", address);
    }
  }
  if (::listen(fd.get(), SOMAXCONN) != 0) {
    return system_error(Code::kPermissionDenied, "cannot listen at", address);
  }
  return fd;
}

Result<std::unique_ptr<Listener>> listen_unix(const Address& address) {
  LP_TRY_ASSIGN(base::Fd fd, bind_unix(address));
  return std::unique_ptr<Listener>(
      std::make_unique<SocketListener>(std::move(fd), address, admit_same_user, address.name));
}

std::unique_ptr<Listener> adopt_listener(base::Fd fd, Address address) {
  return std::make_unique<SocketListener>(std::move(fd), std::move(address), admit_same_user);
}

Result<Socket> connect_unix(const Address& address) {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return system_error(Code::kResourceExhausted, "cannot make a socket for", address);
  const sockaddr_un name = to_sockaddr(address);
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    if (errno == EINTR) continue;
    const bool absent = errno == ENOENT || errno == ECONNREFUSED;
    return system_error(absent ? Code::kNotFound : Code::kUnavailable, "cannot connect to", address);
  }
  return Socket(std::move(fd));
}

}  // namespace lp::net
