#include "launchpad/net/socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>

#include "launchpad/base/check.h"
#include "launchpad/base/log.h"

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
  if (layer_ != nullptr) return layer_->read(space, wait);
  const ssize_t got = ::recv(fd_.get(), space.data(), space.size(), wait ? 0 : MSG_DONTWAIT);
  if (got > 0) return {Io::kMoved, static_cast<size_t>(got)};
  if (got == 0) return {Io::kClosed};
  return from_errno();
}

Moved Socket::read(std::span<std::byte> space, bool wait, std::vector<base::Fd>& descriptors) {
  LP_CHECK(!space.empty()) << "no space to read into: it would look as if the peer had closed";
  iovec part{space.data(), space.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const int flags = MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT);
  const ssize_t got = ::recvmsg(fd_.get(), &message, flags);
  if (got < 0) return from_errno();
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
      descriptors.emplace_back(fd);
    }
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    base::log(base::LogLevel::kError,
              "closed a connection: no file descriptors are left for what came along; raise the "
              "limit (ulimit -n)");
    return {Io::kClosed};
  }
  return got > 0 ? Moved{Io::kMoved, static_cast<size_t>(got)} : Moved{Io::kClosed};
}

Moved Socket::write(std::span<const iovec> parts, std::span<const int> descriptors) {
  if (layer_ != nullptr) return layer_->write(parts);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = std::min<size_t>(parts.size(), IOV_MAX);  // More would be an error.
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  if (!descriptors.empty()) {
    LP_CHECK(descriptors.size() <= kMaxDescriptors);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
  }
  const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return {Io::kMoved, static_cast<size_t>(sent)};
  return from_errno();
}

bool Socket::passes_descriptors() const {
  int domain = 0;
  socklen_t size = sizeof(domain);
  return ::getsockopt(fd_.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
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
