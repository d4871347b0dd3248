#include "launchpad/net/joint_listener.h"

#include <sys/epoll.h>

#include <algorithm>

#include "launchpad/base/check.h"
#include "launchpad/net/socket_listener.h"

namespace lp::net {

Result<std::unique_ptr<Listener>> JointListener::of(
    std::vector<std::unique_ptr<Listener>> listeners) {
  LP_CHECK(!listeners.empty());
  const Address& address = listeners.front()->address();
  base::Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return system_error(Code::kResourceExhausted, "cannot listen at", address);
  for (const auto& listener : listeners) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener->fd(), &event) != 0)
      return system_error(Code::kResourceExhausted, "cannot listen at", listener->address());
  }
  return std::unique_ptr<Listener>(new JointListener(std::move(listeners), std::move(epoll)));
}

bool JointListener::reaches_beyond_host() const {
  return std::any_of(listeners_.begin(), listeners_.end(),
                     [](const auto& listener) { return listener->reaches_beyond_host(); });
}

Result<std::optional<Socket>> JointListener::accept() {
  for (const auto& listener : listeners_) {
    LP_TRY_ASSIGN(std::optional<Socket> accepted, listener->accept());
    if (accepted) return accepted;
  }
  return std::optional<Socket>();
}

}  // namespace lp::net
