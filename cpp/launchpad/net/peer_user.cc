#include "launchpad/net/peer_user.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "launchpad/base/fd.h"

namespace lp::net {
namespace {

// Both ends of a tcp connection as the other process sees them.
struct Ends {
  int family = AF_INET;
  std::array<uint32_t, 4> there{};  // Of the other process. In network order, as all here.
  std::array<uint32_t, 4> here{};
  uint16_t there_port = 0;
  uint16_t here_port = 0;
  bool loopback = false;
};

bool is_loopback(const sockaddr_storage& name) {
  if (name.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(name);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(name).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6) != 0;
}

void read_name(const sockaddr_storage& name, std::array<uint32_t, 4>& address, uint16_t& port) {
  if (name.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(name);
    address[0] = v4.sin_addr.s_addr;
    port = v4.sin_port;
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(name);
    std::memcpy(address.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
    port = v6.sin6_port;
  }
}

std::optional<Ends> ends_of(int fd) {
  sockaddr_storage here{};
  sockaddr_storage there{};
  socklen_t here_size = sizeof(here);
  socklen_t there_size = sizeof(there);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &here_size) != 0 ||
      ::getpeername(fd, reinterpret_cast<sockaddr*>(&there), &there_size) != 0) {
    return std::nullopt;
  }
  Ends ends;
  ends.family = here.ss_family;
  read_name(here, ends.here, ends.here_port);
  read_name(there, ends.there, ends.there_port);
  // The kernel drops packets with a loopback address that come from outside.
  ends.loopback = is_loopback(here) && is_loopback(there);
  return ends;
}

// What the kernel says of a connection's other end.
struct Told {
  std::optional<uid_t> owner{};  // If it is established.
  bool ending = false;           // Its process has let go of it.
};

Told ask_kernel(const Ends& ends) {
  const base::Fd netlink(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink.valid()) return {};
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.body.sdiag_family = static_cast<uint8_t>(ends.family);
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = 1u << TCP_ESTABLISHED;
  request.body.id.idiag_sport = ends.there_port;
  request.body.id.idiag_dport = ends.here_port;
  std::memcpy(request.body.id.idiag_src, ends.there.data(), sizeof(ends.there));
  std::memcpy(request.body.id.idiag_dst, ends.here.data(), sizeof(ends.here));
  request.body.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (::send(netlink.get(), &request, sizeof(request), 0) != sizeof(request)) return {};
  alignas(nlmsghdr) std::array<char, 4096> answer;
  // The answer is there when send() returns.
  const ssize_t got = ::recv(netlink.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg))) ||
      header->nlmsg_type != SOCK_DIAG_BY_FAMILY) {
    return {};
  }
  const auto* found = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  // Where it is no more, the kernel may tell of the listening socket instead.
  if (found->idiag_state == TCP_LISTEN) return {};
  // What its process has closed belongs to user 0: to nobody.
  if (found->idiag_state != TCP_ESTABLISHED || found->idiag_inode == 0) return {.ending = true};
  return {.owner = found->idiag_uid};
}

// Of this end.
bool has_ended(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_state != TCP_ESTABLISHED;
}

std::string hex(const std::array<uint32_t, 4>& address, int family, uint16_t port) {
  std::string text;
  char word[16];
  for (int i = 0; i < (family == AF_INET ? 1 : 4); ++i) {
    std::snprintf(word, sizeof(word), "%08X", address[static_cast<size_t>(i)]);
    text += word;
  }
  std::snprintf(word, sizeof(word), ":%04X", ntohs(port));
  return text + word;
}

// "sl local remote state tx:rx tr:when retransmits uid timeout inode ...", see proc(5).
std::optional<uid_t> ask_proc(const Ends& ends) {
  std::ifstream table(ends.family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6");
  const std::string local = hex(ends.there, ends.family, ends.there_port);
  const std::string remote = hex(ends.here, ends.family, ends.here_port);
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string slot, from, to, state, queues, timer, retransmits;
    uid_t uid = 0;
    int timeout = 0;
    uint64_t inode = 0;
    fields >> slot >> from >> to >> state >> queues >> timer >> retransmits >> uid >> timeout >>
        inode;
    if (fields && from == local && to == remote && state == "01" && inode != 0) return uid;
  }
  return std::nullopt;
}

PeerUser judge(std::optional<uid_t> uid) {
  return uid && (*uid == ::geteuid() || *uid == 0) ? PeerUser::kOurs : PeerUser::kStranger;
}

}  // namespace

std::optional<uid_t> tcp_owner_by_diag(int fd) {
  const auto ends = ends_of(fd);
  return ends ? ask_kernel(*ends).owner : std::nullopt;
}

std::optional<uid_t> tcp_owner_by_proc(int fd) {
  const auto ends = ends_of(fd);
  return ends ? ask_proc(*ends) : std::nullopt;
}

bool leaves_loopback(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0 ||
      (name.ss_family != AF_INET && name.ss_family != AF_INET6)) {
    return false;
  }
  if (!is_loopback(name)) return true;
  size = sizeof(name);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return false;
  return !is_loopback(name);
}

std::string from_where(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0 ||
      (name.ss_family != AF_INET && name.ss_family != AF_INET6)) {
    return "";
  }
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (::getnameinfo(reinterpret_cast<sockaddr*>(&name), size, host, sizeof(host), port,
                    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "";
  }
  return std::string(" from ") + host + ":" + port;
}

PeerUser tcp_peer_user(int fd) {
  const auto ends = ends_of(fd);
  if (!ends) return has_ended(fd) ? PeerUser::kGone : PeerUser::kStranger;
  if (!ends->loopback) return PeerUser::kRemote;
  const Told told = ask_kernel(*ends);
  if (told.ending) return PeerUser::kGone;
  const auto uid = told.owner ? told.owner : ask_proc(*ends);
  if (!uid && has_ended(fd)) return PeerUser::kGone;
  return judge(uid);
}

PeerUser unix_peer_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return PeerUser::kStranger;
  return judge(peer.uid);
}

}  // namespace lp::net
