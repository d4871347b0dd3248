#include "launchpad/net/socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <ctime>

namespace lp::net {
namespace {

Moved from_errno() {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {Io::kWouldBlock};
  if (errno == EINTR) return {Io::kInterrupted};
  return {Io::kClosed};
}

}  // namespace

Moved Socket::read(std::span<std::byte> space, bool wait) {
  const ssize_t got = ::recv(fd_.get(), space.data(), space.size(), wait ? 0 : MSG_DONTWAIT);
  if (got > 0) return {Io::kMoved, static_cast<size_t>(got)};
  if (got == 0) return {Io::kClosed};
  return from_errno();
}

Moved Socket::write(std::span<const iovec> parts) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return {Io::kMoved, static_cast<size_t>(sent)};
  return from_errno();
}

void Socket::shutdown() {
  if (fd_.valid()) ::shutdown(fd_.get(), SHUT_RDWR);
}

Io wait_for(int fd, bool& readable, bool& writable, const base::Deadline& deadline) {
  pollfd entry{fd, static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0)), 0};
  timespec timeout{};
  if (!deadline.never()) {
    const auto left = deadline.left().count();
    timeout = {left / 1'000'000'000, left % 1'000'000'000};
  }
  readable = writable = false;
  const int ready = ::ppoll(&entry, 1, deadline.never() ? nullptr : &timeout, nullptr);
  if (ready < 0) return Io::kInterrupted;
  if (ready == 0) return Io::kWouldBlock;
  // An error or hang-up shows itself at the read that follows.
  readable = (entry.revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0;
  writable = (entry.revents & POLLOUT) != 0;
  return Io::kMoved;
}

}  // namespace lp::net
