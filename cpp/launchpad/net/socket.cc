#include "launchpad/net/socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include "launchpad/base/check.h"

namespace lp::net {
namespace {

Moved from_errno() {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {Io::kWouldBlock};
  if (errno == EINTR) return {Io::kInterrupted};
  return {Io::kClosed};
}

}  // namespace

Moved Socket::read(std::span<std::byte> space, bool wait) {
  LP_CHECK(!space.empty()) << "no space to read into: it would look as if the peer had closed";
  const ssize_t got = ::recv(fd_.get(), space.data(), space.size(), wait ? 0 : MSG_DONTWAIT);
  if (got > 0) return {Io::kMoved, static_cast<size_t>(got)};
  if (got == 0) return {Io::kClosed};
  return from_errno();
}

Moved Socket::write(std::span<const iovec> parts) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = std::min<size_t>(parts.size(), IOV_MAX);  // More would be an error.
  const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return {Io::kMoved, static_cast<size_t>(sent)};
  return from_errno();
}

void Socket::shutdown() {
  if (fd_.valid()) ::shutdown(fd_.get(), SHUT_RDWR);
}

Io wait_for(int fd, bool& readable, bool& writable, const base::Deadline& deadline) {
  const int reading = readable ? POLLIN : 0;
  const int writing = writable ? POLLOUT : 0;
  pollfd entry{fd, static_cast<short>(reading | writing), 0};
  timespec timeout{};
  if (!deadline.never()) {
    const auto left = deadline.left().count();
    timeout = {left / 1'000'000'000, left % 1'000'000'000};
  }
  readable = writable = false;
  const int ready = ::ppoll(&entry, 1, deadline.never() ? nullptr : &timeout, nullptr);
  if (ready < 0) return Io::kInterrupted;
  if (ready == 0) return Io::kWouldBlock;
  const bool ended = (entry.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
  readable = reading != 0 && (ended || (entry.revents & POLLIN) != 0);
  writable = writing != 0 && (ended || (entry.revents & POLLOUT) != 0);
  return Io::kMoved;
}

}  // namespace lp::net
