// Whose process is at the other end of a connection: so that no other user of this host reaches a
// server of ours, or is taken for one. Any thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace lp::net {

enum class PeerUser {
  kOurs,      // This user's, or root's.
  kGone,      // Nobody's any more: its process has closed it, or has ended.
  kStranger,  // Another user's, or the kernel does not say.
  kRemote,    // The connection leaves this host: users mean nothing there.
};

// Of a connected tcp socket whose other end has been accepted. On this host the kernel is asked who
// owns that end: by sock_diag(7), or where that is not to be had by /proc/net/tcp.
PeerUser tcp_peer_user(int fd);

// Whether a tcp connection has an end beyond this host's loopback addresses, or a listening tcp
// socket can get such a one. Not so for other kinds of sockets.
bool leaves_loopback(int fd);

// For messages: " from 10.0.0.7:4711", or nothing if it is no tcp connection.
std::string from_where(int fd);

// The two ways: the user that owns the other end of an established connection within this host, or
// nothing if the kernel does not say, or the end belongs to no process any more.
std::optional<uid_t> tcp_owner_by_diag(int fd);
std::optional<uid_t> tcp_owner_by_proc(int fd);

// Of a connected Unix socket (SO_PEERCRED: of who connected, or listened).
PeerUser unix_peer_user(int fd);

}  // namespace lp::net
