// Descriptors and sockets of the C library: see libc.h. What is not of the simulated world, as
// shared memory, is left to the library.
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include "launchpad/base/check.h"
#include "simulation/libc.h"
#include "simulation/sockets.h"

namespace lp::simulation {
namespace {

// A descriptor of the simulated world, in a call by one of its threads.
bool is_ours(int fd) { return World::inside() && Descriptors::is_one(fd); }

template <class T>
std::shared_ptr<T> as(int fd) {
  World::get().maybe_yield();
  return Descriptors::get().as<T>(fd);
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return name;
}

int tell(const void* value, size_t size, void* space, socklen_t* space_size) {
  std::memcpy(space, value, std::min<size_t>(size, *space_size));
  *space_size = static_cast<socklen_t>(size);
  return 0;
}

int tell_name(int fd, sockaddr* name, socklen_t* size, bool other) {
  const auto& descriptors = Descriptors::get();
  if (const auto door = descriptors.as<Door>(fd)) {
    const auto inet = loopback(door->port());
    return tell(&inet, sizeof(inet), name, size);
  }
  const auto stream = descriptors.as<Stream>(fd);
  LP_CHECK(stream != nullptr);
  if (stream->local()) {
    const sa_family_t family = AF_UNIX;
    return tell(&family, sizeof(family), name, size);
  }
  if (other && (stream->ready() & EPOLLHUP) != 0) {
    errno = ENOTCONN;
    return -1;
  }
  const auto inet = loopback(other ? stream->there() : stream->here());
  return tell(&inet, sizeof(inet), name, size);
}

// What went along with a message.
std::span<const int> descriptors_of(const msghdr& message) {
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr) return {};
  return {reinterpret_cast<const int*>(CMSG_DATA(header)),
          (header->cmsg_len - CMSG_LEN(0)) / sizeof(int)};
}

void put_descriptors(const std::vector<int>& descriptors, msghdr& message) {
  if (descriptors.empty()) {
    message.msg_controllen = 0;
    return;
  }
  const size_t size = descriptors.size() * sizeof(int);
  LP_CHECK(message.msg_controllen >= CMSG_SPACE(size));
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  message.msg_controllen = CMSG_SPACE(size);
}

}  // namespace
}  // namespace lp::simulation

using namespace lp::simulation;  // NOLINT: what follows belongs there, under names of the library.

LP_INSTEAD int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (!World::inside()) return LP_REAL(getaddrinfo)(host, service, hints, found);
  struct Found {
    addrinfo info;
    sockaddr_in name;
  };
  auto* const made = static_cast<Found*>(std::calloc(1, sizeof(Found)));
  made->name = loopback(static_cast<uint16_t>(std::atoi(service)));
  made->info.ai_family = AF_INET;
  made->info.ai_socktype = SOCK_STREAM;
  made->info.ai_addr = reinterpret_cast<sockaddr*>(&made->name);
  made->info.ai_addrlen = sizeof(made->name);
  *found = &made->info;
  return 0;
}

LP_INSTEAD void freeaddrinfo(addrinfo* found) noexcept {
  if (!World::inside()) return LP_REAL(freeaddrinfo)(found);
  std::free(found);
}

LP_INSTEAD int socket(int domain, int type, int protocol) noexcept {
  if (!World::inside()) return LP_REAL(socket)(domain, type, protocol);
  auto& descriptors = Descriptors::get();
  if (domain == AF_NETLINK) return descriptors.add(std::make_shared<Inquiry>());
  LP_CHECK(domain == AF_INET) << "no such sockets here";
  const auto stream = std::make_shared<Stream>(false);
  stream->set_blocking((type & SOCK_NONBLOCK) == 0);
  return descriptors.add(stream);
}

LP_INSTEAD int socketpair(int domain, int type, int protocol, int ends[2]) noexcept {
  if (!World::inside()) return LP_REAL(socketpair)(domain, type, protocol, ends);
  const auto one = std::make_shared<Stream>(true);
  const auto other = std::make_shared<Stream>(true);
  Stream::join(one, other);
  ends[0] = Descriptors::get().add(one);
  ends[1] = Descriptors::get().add(other);
  return 0;
}

// A socket that is bound here will listen.
LP_INSTEAD int bind(int fd, const sockaddr* name, socklen_t size) noexcept {
  if (!is_ours(fd)) return LP_REAL(bind)(fd, name, size);
  const auto port = ntohs(reinterpret_cast<const sockaddr_in*>(name)->sin_port);
  const auto door = std::make_shared<Door>(port);
  errno = Network::get().open_door(door);
  if (errno != 0) return -1;
  Descriptors::get().replace(fd, door);
  return 0;
}

LP_INSTEAD int listen(int fd, int backlog) noexcept {
  return is_ours(fd) ? 0 : LP_REAL(listen)(fd, backlog);
}

LP_INSTEAD int accept4(int fd, sockaddr* name, socklen_t* size, int flags) {
  if (!is_ours(fd)) return LP_REAL(accept4)(fd, name, size, flags);
  auto stream = as<Door>(fd)->accept();
  if (stream != nullptr) return Descriptors::get().add(std::move(stream));
  errno = EAGAIN;
  return -1;
}

LP_INSTEAD int connect(int fd, const sockaddr* name, socklen_t size) {
  if (!is_ours(fd)) return LP_REAL(connect)(fd, name, size);
  as<Stream>(fd)->connect(ntohs(reinterpret_cast<const sockaddr_in*>(name)->sin_port));
  errno = EINPROGRESS;
  return -1;
}

LP_INSTEAD int getsockname(int fd, sockaddr* name, socklen_t* size) noexcept {
  return is_ours(fd) ? tell_name(fd, name, size, false) : LP_REAL(getsockname)(fd, name, size);
}

LP_INSTEAD int getpeername(int fd, sockaddr* name, socklen_t* size) noexcept {
  return is_ours(fd) ? tell_name(fd, name, size, true) : LP_REAL(getpeername)(fd, name, size);
}

LP_INSTEAD int getsockopt(int fd, int level, int option, void* space, socklen_t* size) noexcept {
  if (!is_ours(fd)) return LP_REAL(getsockopt)(fd, level, option, space, size);
  const auto stream = Descriptors::get().as<Stream>(fd);
  LP_CHECK(stream != nullptr);
  if (level == IPPROTO_TCP && option == TCP_INFO) {
    tcp_info info{};
    info.tcpi_state = (stream->ready() & EPOLLRDHUP) != 0 ? TCP_CLOSE_WAIT : TCP_ESTABLISHED;
    return tell(&info, sizeof(info), space, size);
  }
  if (option == SO_PEERCRED) {
    const ucred peer{::getpid(), ::geteuid(), ::getegid()};
    return tell(&peer, sizeof(peer), space, size);
  }
  LP_CHECK(option == SO_DOMAIN || option == SO_ERROR) << "not simulated";
  const int domain = stream->local() ? AF_UNIX : AF_INET;
  const int value = option == SO_DOMAIN ? domain : stream->take_error();
  return tell(&value, sizeof(value), space, size);
}

LP_INSTEAD int setsockopt(int fd, int level, int option, const void* value,
                          socklen_t size) noexcept {
  if (!is_ours(fd)) return LP_REAL(setsockopt)(fd, level, option, value, size);
  if (level != SOL_SOCKET || option != SO_RCVTIMEO) return 0;
  const auto& time = *static_cast<const timeval*>(value);
  Descriptors::get().as<Stream>(fd)->set_patience(time.tv_sec * kSecond +
                                                  time.tv_usec * kMicrosecond);
  return 0;
}

LP_INSTEAD int shutdown(int fd, int how) noexcept {
  if (!is_ours(fd)) return LP_REAL(shutdown)(fd, how);
  as<Stream>(fd)->shut();
  return 0;
}

LP_INSTEAD ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  if (!is_ours(fd)) return LP_REAL(send)(fd, bytes, size, flags);
  const auto stream = as<Stream>(fd);
  if (stream == nullptr) return Descriptors::get().at(fd)->write(bytes, size);
  const iovec part{const_cast<void*>(bytes), size};
  return stream->send({&part, 1}, {});
}

LP_INSTEAD ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (!is_ours(fd)) return LP_REAL(sendmsg)(fd, message, flags);
  return as<Stream>(fd)->send({message->msg_iov, message->msg_iovlen}, descriptors_of(*message));
}

LP_INSTEAD ssize_t recv(int fd, void* space, size_t size, int flags) {
  if (!is_ours(fd)) return LP_REAL(recv)(fd, space, size, flags);
  const auto stream = as<Stream>(fd);
  if (stream == nullptr) return Descriptors::get().at(fd)->read(space, size);
  return stream->receive(space, size, flags, nullptr);
}

LP_INSTEAD ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (!is_ours(fd)) return LP_REAL(recvmsg)(fd, message, flags);
  std::vector<int> descriptors;
  const iovec& part = message->msg_iov[0];
  const ssize_t got = as<Stream>(fd)->receive(part.iov_base, part.iov_len, flags, &descriptors);
  put_descriptors(descriptors, *message);
  message->msg_flags = 0;
  return got;
}

LP_INSTEAD ssize_t read(int fd, void* space, size_t size) {
  return is_ours(fd) ? as<File>(fd)->read(space, size) : LP_REAL(read)(fd, space, size);
}

LP_INSTEAD ssize_t write(int fd, const void* bytes, size_t size) {
  return is_ours(fd) ? as<File>(fd)->write(bytes, size) : LP_REAL(write)(fd, bytes, size);
}

LP_INSTEAD int close(int fd) {
  return is_ours(fd) ? Descriptors::get().close(fd) : LP_REAL(close)(fd);
}

LP_INSTEAD int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  const long argument = va_arg(list, long);
  va_end(list);
  if (!is_ours(fd)) return LP_REAL(fcntl)(fd, command, argument);
  const auto stream = Descriptors::get().as<Stream>(fd);
  if (stream == nullptr) return 0;
  if (command == F_GETFL) return stream->blocking() ? 0 : O_NONBLOCK;
  if (command == F_SETFL) stream->set_blocking((argument & O_NONBLOCK) == 0);
  return 0;
}

LP_INSTEAD int ppoll(pollfd* entries, nfds_t count, const timespec* patience,
                     const sigset_t* signals) {
  if (!World::inside()) return LP_REAL(ppoll)(entries, count, patience, signals);
  LP_CHECK(count == 1) << "not simulated";
  std::optional<Time> until;
  if (patience != nullptr) until = World::get().now() + to_time(*patience);
  return poll_one(*as<File>(entries->fd), entries->events, entries->revents, until);
}

LP_INSTEAD int epoll_create1(int flags) noexcept {
  if (!World::inside()) return LP_REAL(epoll_create1)(flags);
  return Descriptors::get().add(std::make_shared<Poller>());
}

LP_INSTEAD int epoll_ctl(int poller, int operation, int fd, epoll_event* event) noexcept {
  if (!is_ours(poller)) return LP_REAL(epoll_ctl)(poller, operation, fd, event);
  const auto file = Descriptors::get().at(fd);
  if (file == nullptr) return -1;
  return as<Poller>(poller)->control(operation, fd, file, event);
}

LP_INSTEAD int epoll_wait(int poller, epoll_event* events, int most, int patience) {
  if (!is_ours(poller)) return LP_REAL(epoll_wait)(poller, events, most, patience);
  LP_CHECK(patience < 0) << "not simulated";
  return as<Poller>(poller)->wait(events, std::nullopt);
}

LP_INSTEAD int eventfd(unsigned int count, int flags) noexcept {
  if (!World::inside()) return LP_REAL(eventfd)(count, flags);
  return Descriptors::get().add(std::make_shared<EventFile>(count, (flags & EFD_SEMAPHORE) != 0));
}

LP_INSTEAD int timerfd_create(clockid_t clock, int flags) noexcept {
  if (!World::inside()) return LP_REAL(timerfd_create)(clock, flags);
  return Descriptors::get().add(std::make_shared<TimerFile>());
}

LP_INSTEAD int timerfd_settime(int fd, int flags, const itimerspec* when,
                               itimerspec* before) noexcept {
  if (!is_ours(fd)) return LP_REAL(timerfd_settime)(fd, flags, when, before);
  as<TimerFile>(fd)->set(to_time(when->it_value));
  return 0;
}
