// JointListener is several listeners as one: for a server that is reached at more than one address.
// Owns them. See transport.h for threads.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "launchpad/base/fd.h"
#include "launchpad/net/transport.h"

namespace lp::net {

class JointListener : public Listener {
 public:
  // At least one; `address()` is the first one's. RESOURCE_EXHAUSTED: no descriptor is left.
  static Result<std::unique_ptr<Listener>> of(std::vector<std::unique_ptr<Listener>> listeners);

  int fd() const override { return epoll_.get(); }
  Result<std::optional<Socket>> accept() override;
  const Address& address() const override { return listeners_.front()->address(); }
  bool reaches_beyond_host() const override;

 private:
  JointListener(std::vector<std::unique_ptr<Listener>> listeners, base::Fd epoll)
      : listeners_(std::move(listeners)), epoll_(std::move(epoll)) {}

  std::vector<std::unique_ptr<Listener>> listeners_;
  base::Fd epoll_;  // Readable when one of them is; wakes its own waiters for each connection.
};

}  // namespace lp::net
