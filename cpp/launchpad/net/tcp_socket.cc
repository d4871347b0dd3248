#include "launchpad/net/tcp_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "launchpad/net/socket_listener.h"

namespace lp::net {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<AddressList> lookup(const Address& address, bool passive) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
  addrinfo* found = nullptr;
  const int failure =
      ::getaddrinfo(address.name.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failure == EAI_SYSTEM)
    return system_error(Code::kUnavailable, "cannot find the host of", address);
  if (failure != 0) {
    const bool passing = failure == EAI_AGAIN;
    return Error(passing ? Code::kUnavailable : Code::kInvalidArgument,
                 "cannot find the host of '" + address.str() + "': " + ::gai_strerror(failure));
  }
  return AddressList(found, &::freeaddrinfo);
}

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof(value));
}

void prepare(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

// Who connects to a free port of this machine may get that very port as its own, and so reach
// itself.
bool connected_to_itself(int fd) {
  sockaddr_storage here{};
  sockaddr_storage there{};
  socklen_t here_size = sizeof(here);
  socklen_t there_size = sizeof(there);
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &here_size) == 0 &&
         ::getpeername(fd, reinterpret_cast<sockaddr*>(&there), &there_size) == 0 &&
         here_size == there_size && std::memcmp(&here, &there, here_size) == 0;
}

uint16_t bound_port(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
  if (name.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&name)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&name)->sin_port);
}

}  // namespace

Result<std::unique_ptr<Listener>> listen_tcp(const Address& address) {
  LP_TRY_ASSIGN(const AddressList found, lookup(address, true));
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    base::Fd fd(
        ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol));
    if (!fd.valid()) continue;
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (::bind(fd.get(), at->ai_addr, at->ai_addrlen) == 0 && ::listen(fd.get(), SOMAXCONN) == 0) {
      Address bound = address;
      bound.port = bound_port(fd.get());
      return std::unique_ptr<Listener>(
          std::make_unique<SocketListener>(std::move(fd), std::move(bound), [](int accepted) {
            prepare(accepted);
            return true;
          }));
    }
    // Not the host's next address then: clients would find the other server at this one.
    if (errno == EADDRINUSE) {
      return Error(Code::kAlreadyExists,
                   "another server already listens at '" + address.str() + "'");
    }
  }
  return listen_error(address);
}

Result<Socket> connect_tcp(const Address& address) {
  if (address.port == 0)
    return Error(Code::kInvalidArgument, "'" + address.str() + "' names no port");
  LP_TRY_ASSIGN(const AddressList found, lookup(address, false));
  bool refused = false;  // By any of the host's addresses: it is there, and nobody listens.
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    base::Fd fd(::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol));
    if (!fd.valid()) continue;
    int failed = ::connect(fd.get(), at->ai_addr, at->ai_addrlen);
    while (failed != 0 && errno == EINTR) failed = ::connect(fd.get(), at->ai_addr, at->ai_addrlen);
    if (failed != 0 && errno == EISCONN) failed = 0;
    if (failed == 0 && !connected_to_itself(fd.get())) {
      prepare(fd.get());
      return Socket(std::move(fd));
    }
    if (failed == 0) errno = ECONNREFUSED;
    if (errno == ECONNREFUSED) refused = true;
  }
  if (refused) errno = ECONNREFUSED;
  return system_error(refused ? Code::kNotFound : Code::kUnavailable, "cannot connect to", address);
}

}  // namespace lp::net
