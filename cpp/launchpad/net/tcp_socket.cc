#include "launchpad/net/tcp_socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "launchpad/base/log.h"
#include "launchpad/net/peer_user.h"
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

// On this host only processes of this user (and root) are let in.
bool admit(int fd) {
  const PeerUser user = tcp_peer_user(fd);
  if (user == PeerUser::kGone) {
    base::log(base::LogLevel::kWarning,
              "turned away a tcp connection that had ended before it was accepted");
    return false;
  }
  if (user == PeerUser::kStranger) {
    base::log(base::LogLevel::kWarning, "turned away a tcp connection of another user");
    return false;
  }
  prepare(fd);
  return true;
}

// Until the connection is made or refused: its errno, 0 if made.
Result<int> await_connection(int fd, const Address& address, const base::Deadline& deadline,
                             const std::function<bool()>& give_up) {
  constexpr base::Nanos kTick{200'000'000};
  while (true) {
    bool readable = false;
    bool writable = true;
    const base::Nanos patience = deadline.never() ? kTick : std::min(kTick, deadline.left());
    wait_for(fd, readable, writable, base::Deadline::after(patience));
    if (writable) break;
    if (give_up && give_up()) {
      return Error(Code::kCancelled, "gave up connecting to '" + address.str() + "'");
    }
    if (deadline.passed()) {
      return Error(Code::kDeadlineExceeded, "'" + address.str() + "' does not answer");
    }
  }
  int failure = 0;
  socklen_t size = sizeof(failure);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
  return failure;
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
          std::make_unique<SocketListener>(std::move(fd), std::move(bound), admit));
    }
    // Not the host's next address then: clients would find the other server at this one.
    if (errno == EADDRINUSE) {
      return Error(Code::kAlreadyExists,
                   "another server already listens at '" + address.str() + "'");
    }
  }
  return listen_error(address);
}

Result<Socket> connect_tcp(const Address& address, const base::Deadline& deadline,
                           const std::function<bool()>& give_up) {
  if (address.port == 0)
    return Error(Code::kInvalidArgument, "'" + address.str() + "' names no port");
  LP_TRY_ASSIGN(const AddressList found, lookup(address, false));
  bool refused = false;  // By any of the host's addresses: it is there, and nobody listens.
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    base::Fd fd(
        ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol));
    if (!fd.valid()) continue;
    int failure = ::connect(fd.get(), at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    if (failure == EINPROGRESS || failure == EINTR) {
      LP_TRY_ASSIGN(failure, await_connection(fd.get(), address, deadline, give_up));
    }
    if (failure == 0 && !connected_to_itself(fd.get())) {
      ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
      prepare(fd.get());
      return Socket(std::move(fd));
    }
    errno = failure == 0 ? ECONNREFUSED : failure;
    if (errno == ECONNREFUSED) refused = true;
  }
  if (refused) errno = ECONNREFUSED;
  return system_error(refused ? Code::kNotFound : Code::kUnavailable, "cannot connect to", address);
}

}  // namespace lp::net
