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

// A client's thread looks up as often.
constexpr base::Nanos kCrowdedTick{1'000'000};

Moved from_errno() {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {Io::kWouldBlock};
  if (errno == EINTR) return {Io::kInterrupted};
  return {Io::kClosed};
}

Moved moved_or_errno(ssize_t sent) {
  return sent >= 0 ? Moved{Io::kMoved, static_cast<size_t>(sent)} : from_errno();
}

Moved receive(int fd, std::span<std::byte> space, bool wait) {
  const ssize_t got = ::recv(fd, space.data(), space.size(), wait ? 0 : MSG_DONTWAIT);
  if (got > 0) return {Io::kMoved, static_cast<size_t>(got)};
  return got == 0 ? Moved{Io::kClosed} : from_errno();
}

Moved receive(int fd, std::span<std::byte> space, bool wait, std::vector<base::Fd>& descriptors) {
  iovec part{space.data(), space.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const int flags = MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT);
  const ssize_t got = ::recvmsg(fd, &message, flags);
  if (got < 0) return from_errno();
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int taken = -1;
      std::memcpy(&taken, CMSG_DATA(header) + i * sizeof(int), sizeof(taken));
      descriptors.emplace_back(taken);
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

Moved send(int fd, std::span<const iovec> parts, std::span<const int> descriptors) {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (parts.size() == 1 && descriptors.empty()) {  // As most messages are.
    return moved_or_errno(::send(fd, parts[0].iov_base, parts[0].iov_len, kFlags));
  }
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
  return moved_or_errno(::sendmsg(fd, &message, kFlags));
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  fd_ = std::move(other.fd_);
  layer_ = std::move(other.layer_);
  owned_ = std::move(other.owned_);
  rings_.store(owned_.get());
  other.rings_.store(nullptr);
  return *this;
}

Moved Socket::read(std::span<std::byte> space, bool wait) {
  LP_CHECK(!space.empty()) << "no space to read into: it would look as if the peer had closed";
  if (Rings* const rings = this->rings()) return read_ring(*rings, space, wait, nullptr);
  if (layer_ != nullptr) return layer_->read(space, wait);
  if (!wait) return receive(fd_.get(), space, false);
  Moved moved{Io::kWouldBlock};
  const auto look = [&] {
    moved = receive(fd_.get(), space, false);
    return moved.io != Io::kWouldBlock;
  };
  return spin_.until(look, shm::Spin::Look::kSystemCall) ? moved : receive(fd_.get(), space, true);
}

Moved Socket::read(std::span<std::byte> space, bool wait, std::vector<base::Fd>& descriptors) {
  LP_CHECK(!space.empty()) << "no space to read into: it would look as if the peer had closed";
  if (Rings* const rings = this->rings()) return read_ring(*rings, space, wait, &descriptors);
  return receive(fd_.get(), space, wait, descriptors);
}

Moved Socket::write(std::span<const iovec> parts, std::span<const int> descriptors) {
  if (Rings* const rings = this->rings()) return write_ring(*rings, parts, descriptors);
  if (layer_ != nullptr) return layer_->write(parts);
  return send(fd_.get(), parts, descriptors);
}

bool Socket::passes_descriptors() const {
  int domain = 0;
  socklen_t size = sizeof(domain);
  return ::getsockopt(fd_.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

void Socket::shutdown() {
  if (Rings* const rings = this->rings()) rings->close();
  if (fd_.valid()) ::shutdown(fd_.get(), SHUT_RDWR);
}

Io Socket::wait(bool& readable, bool& writable, const base::Deadline& deadline) {
  Rings* const rings = this->rings();
  if (rings == nullptr) return wait_for(fd_.get(), readable, writable, deadline);
  if (!writable || !crowded_.load()) return wait_for_ring(*rings, readable, writable, deadline);
  // Rare: there is room for bytes, not for descriptors.
  bool reading = false;
  const Io io = wait_for(fd_.get(), reading, writable, base::Deadline::after(kCrowdedTick));
  return io == Io::kInterrupted ? io : Io::kMoved;
}

void Socket::move_to(std::unique_ptr<Rings> rings) {
  owned_ = std::move(rings);
  rings_.store(owned_.get());
  if (end_noted()) owned_->note_end();
}

void Socket::note_edge(bool ended) {
  if (ended) ended_.store(true);
  Rings* const rings = rings_.load();
  if (rings == nullptr) return;
  pull_due_.store(true);
  if (ended) rings->note_end();
}

Moved Socket::read_ring(Rings& rings, std::span<std::byte> space, bool wait,
                        std::vector<base::Fd>* descriptors) {
  Moved moved = rings.read(space);
  if (moved.io == Io::kWouldBlock && wait) {
    bool readable = true;
    bool writable = false;
    const Io io = wait_for_ring(rings, readable, writable, {});
    if (io != Io::kMoved) return {io};
    moved = rings.read(space);
  }
  if (rings.new_marks() || (pull_due_.load(std::memory_order_relaxed) && pull_due_.exchange(false)))
    pull(rings, descriptors);
  if (rings.poke_due()) poke();
  return moved;
}

// Descriptors go before the bytes that tell of them, and both or none.
Moved Socket::write_ring(Rings& rings, std::span<const iovec> parts,
                         std::span<const int> descriptors) {
  if (!descriptors.empty()) {
    if (!rings.has_room()) return {Io::kWouldBlock};
    std::byte carrier{};
    const iovec part{&carrier, sizeof(carrier)};
    const Moved sent = send(fd_.get(), {&part, 1}, descriptors);
    crowded_.store(sent.io == Io::kWouldBlock);
    if (sent.io != Io::kMoved) return sent;
  }
  const Moved moved = rings.write(parts, !descriptors.empty());
  if (rings.poke_due()) poke();
  return moved;
}

void Socket::pull(Rings& rings, std::vector<base::Fd>* descriptors) {
  std::vector<base::Fd> unwanted;
  std::vector<base::Fd>& into = descriptors != nullptr ? *descriptors : unwanted;
  while (true) {
    std::byte carriers[64];
    const size_t before = into.size();
    const Moved moved = receive(fd_.get(), carriers, false, into);
    if (into.size() > before) rings.take_mark();
    if (moved.io == Io::kClosed) rings.note_end();
    if (moved.io != Io::kMoved && moved.io != Io::kInterrupted) return;
  }
}

Io Socket::wait_for_ring(Rings& rings, bool& readable, bool& writable,
                         const base::Deadline& deadline) {
  const Io io = rings.wait(readable, writable, deadline);
  if (rings.poke_due()) poke();
  return io;
}

void Socket::poke() {
  const std::byte poke{};
  ::send(fd_.get(), &poke, sizeof(poke), MSG_DONTWAIT | MSG_NOSIGNAL);
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
