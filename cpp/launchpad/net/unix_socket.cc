#include "launchpad/net/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launchpad/base/log.h"
#include "launchpad/net/peer_user.h"
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
  if (unix_peer_user(fd) == PeerUser::kOurs) return true;
  base::log(base::LogLevel::kWarning, "turned away a connection of another user");
  return false;
}

// Makes room for a new socket, where the file that is in the way is left over from a process that
// was killed.
Status remove_stale_file(const Address& address) {
  struct stat file {};
  if (::lstat(address.name.c_str(), &file) == 0 && !S_ISSOCK(file.st_mode)) {
    return Error(Code::kAlreadyExists,
                 "a file that is no socket is in the way at '" + address.str() + "'");
  }
  // Only a refusal says that nobody is there; any other answer, or none, comes from something
  // alive.
  const auto probe = connect_unix(address);
  if (probe.ok() || probe.error().code != Code::kNotFound) {
    return Error(Code::kAlreadyExists, "another server already listens at '" + address.str() + "'");
  }
  ::unlink(address.name.c_str());
  return {};
}

}  // namespace

Result<base::Fd> bind_unix(const Address& address) {
  LP_TRY(check_unix_path(address.name));
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid())
    return system_error(Code::kResourceExhausted, "cannot make a socket for", address);
  const sockaddr_un name = to_sockaddr(address);
  const auto* raw = reinterpret_cast<const sockaddr*>(&name);
  if (::bind(fd.get(), raw, sizeof(name)) != 0) {
    if (errno != EADDRINUSE) return listen_error(address);
    LP_TRY(remove_stale_file(address));
    if (::bind(fd.get(), raw, sizeof(name)) != 0) return listen_error(address);
  }
  if (::listen(fd.get(), SOMAXCONN) != 0) return listen_error(address);
  return fd;
}

Result<std::unique_ptr<Listener>> listen_unix(const Address& address) {
  LP_TRY_ASSIGN(base::Fd fd, bind_unix(address));
  return std::unique_ptr<Listener>(
      std::make_unique<SocketListener>(std::move(fd), address, admit_same_user, address.name));
}

std::unique_ptr<Listener> adopt_listener(base::Fd fd, Address address) {
  // Not inherited further: a program that this node starts would keep its clients waiting after its
  // end.
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return std::make_unique<SocketListener>(std::move(fd), std::move(address), admit_same_user);
}

Result<Socket> connect_unix(const Address& address) {
  LP_TRY(check_unix_path(address.name));
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid())
    return system_error(Code::kResourceExhausted, "cannot make a socket for", address);
  const sockaddr_un name = to_sockaddr(address);
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    if (errno == EINTR) continue;
    const bool absent = errno == ENOENT || errno == ECONNREFUSED;
    return system_error(absent ? Code::kNotFound : Code::kUnavailable, "cannot connect to",
                        address);
  }
  if (unix_peer_user(fd.get()) == PeerUser::kStranger) {
    return Error(Code::kPermissionDenied,
                 "the server at '" + address.str() + "' is another user's");
  }
  return Socket(std::move(fd));
}

}  // namespace lp::net
