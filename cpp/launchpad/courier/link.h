// Link is one connection of a Channel: connecting, the greeting, and reading frames. A Channel that
// loses its link makes a new one. `read_frames` by the thread that has the reader's role;
// `shutdown` from any thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "launchpad/courier/handshake.h"
#include "launchpad/courier/inlet.h"
#include "launchpad/courier/outbox.h"
#include "launchpad/net/transport.h"

namespace lp::courier {

// How often a thread that waits for the kernel looks up, to notice Ctrl-C, close() and a passed
// deadline.
inline constexpr base::Nanos kTick{200'000'000};

class Link {
 public:
  Link(net::Socket socket, wire::FrameLimits limits);

  // Tells the server who `self` is and learns who it is. `keep_waiting` is asked at every tick.
  Result<Peer> greet(const Peer& self, const base::Deadline& deadline,
                     const std::function<Status()>& keep_waiting);

  // Reads once, waiting until bytes come, or it ticks (kWouldBlock), a signal or the deadline comes
  // first. With `writable` it waits for room to write too, and says whether there is some.
  net::Io read_frames(std::vector<wire::Frame>& frames, bool& writable,
                      const base::Deadline& deadline);
  // The same without waiting.
  net::Io read_available(std::vector<wire::Frame>& frames);

  // Both ends share this host's memory. Before the first read after the greeting.
  void share(std::shared_ptr<Returns> returns) { inlet_.share(std::move(returns)); }

  // Others want the core of whoever waits for answers.
  bool crowded() const {
    const net::Rings* const rings = socket_.rings();
    return rings != nullptr && rings->crowded();
  }

  net::Socket& socket() { return socket_; }
  // What was wrong with the bytes, if that ended the connection.
  const std::optional<Error>& broken() const { return broken_; }

 private:
  net::Io read_once(std::vector<wire::Frame>& frames, bool wait);
  Status move_to_rings(std::shared_ptr<shm::Segment> memory, uint32_t number);

  net::Socket socket_;
  Inlet inlet_;
  std::optional<Error> broken_;
};

}  // namespace lp::courier
