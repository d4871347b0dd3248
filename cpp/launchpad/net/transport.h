// The transports: how a server comes to listen at an Address and how a client connects to it. All
// give the same kind of Socket. They know nothing of messages. A Listener is used by one server;
// its `accept` may be called from any of its threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "launchpad/net/address.h"
#include "launchpad/net/socket.h"

namespace lp::net {

class Listener {
 public:
  virtual ~Listener() = default;

  // Becomes readable when a connection waits to be accepted.
  virtual int fd() const = 0;
  // The next waiting connection, or nothing. Never waits. A peer of another user is turned away.
  virtual Result<std::optional<Socket>> accept() = 0;
  // Where it listens: of "host:0", the port that was found.
  virtual const Address& address() const = 0;
  // Whether other hosts can connect to it.
  virtual bool reaches_beyond_host() const = 0;
};

// ALREADY_EXISTS if another server listens there; PERMISSION_DENIED, INVALID_ARGUMENT otherwise.
Result<std::unique_ptr<Listener>> listen(const Address& address);

// A Unix listener over a socket that already listens (inherited from the launcher).
std::unique_ptr<Listener> adopt_listener(base::Fd fd, Address address);

// One attempt. NOT_FOUND: nothing listens at that address (yet, or any more); UNAVAILABLE: it
// cannot be reached; INVALID_ARGUMENT: it never can.
// A host that does not answer is waited for until the deadline (DEADLINE_EXCEEDED), or until
// `give_up`, asked a few times a second, says true (CANCELLED).
Result<Socket> connect(const Address& address, const base::Deadline& deadline = {},
                       const std::function<bool()>& give_up = nullptr);

}  // namespace lp::net
