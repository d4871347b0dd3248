// SocketListener: the Listener over a listening socket of the kernel, Unix or tcp. Owns the
// descriptor and, if asked, the socket's file. See transport.h for threads.
#pragma once

#include <functional>
#include <string>

#include "launchpad/net/transport.h"

namespace lp::net {

class SocketListener : public Listener {
 public:
  // `admit` looks at each accepted descriptor and may turn it away.
  using Admit = std::function<bool(int fd)>;

  SocketListener(base::Fd fd, Address address, Admit admit, std::string unlink_path = "")
      : fd_(std::move(fd)),
        address_(std::move(address)),
        admit_(std::move(admit)),
        unlink_path_(std::move(unlink_path)) {}
  ~SocketListener() override;

  int fd() const override { return fd_.get(); }
  Result<std::optional<Socket>> accept() override;
  const Address& address() const override { return address_; }
  bool reaches_beyond_host() const override;

 private:
  base::Fd fd_;
  Address address_;
  Admit admit_;
  std::string unlink_path_;
};

// An Error from errno: "what 'address': reason". RESOURCE_EXHAUSTED where errno says so, else
// `code`.
Error system_error(Code code, const std::string& what, const Address& address);

// The same for a socket, bind or listen that failed: PERMISSION_DENIED or INVALID_ARGUMENT.
Error listen_error(const Address& address);

}  // namespace lp::net
