// Socket is one end of a stream connection, whatever its transport: bytes in order, no message
// borders. Reading and writing may go on at the same time in two threads; each by one thread at a
// time. `shutdown` may be called from any thread and ends both.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/base/fd.h"
#include "launchpad/base/result.h"

namespace lp::net {

// What came of one attempt to move bytes.
enum class Io {
  kMoved,        // Some bytes were moved.
  kWouldBlock,   // None can be moved now.
  kInterrupted,  // A signal came first.
  kClosed,       // The peer or shutdown() ended the connection.
};

struct Moved {
  Io io;
  size_t size = 0;
};

// The kernel takes no more at a time (SCM_MAX_FD is 253).
inline constexpr size_t kMaxDescriptors = 128;

// What may lie between a Socket and its descriptor: it reads and writes instead, as a Socket would.
class SocketLayer {
 public:
  virtual ~SocketLayer() = default;
  virtual Moved read(std::span<std::byte> space, bool wait) = 0;
  virtual Moved write(std::span<const iovec> parts) = 0;
  // Whether something can be read that is not in the descriptor any more.
  virtual bool holds_bytes() const = 0;
};

class Socket {
 public:
  Socket() = default;
  explicit Socket(base::Fd fd) : fd_(std::move(fd)) {}

  // Reads what is there into `space`, which is not empty; waits for the first byte if `wait`.
  Moved read(std::span<std::byte> space, bool wait);
  // The same, and takes the descriptors that came along with these bytes. Unix sockets only.
  Moved read(std::span<std::byte> space, bool wait, std::vector<base::Fd>& descriptors);
  // Writes what fits now, never waits. At most kMaxDescriptors `descriptors` go along with the
  // first byte, all of them if anything was moved: the peer gets copies.
  Moved write(std::span<const iovec> parts, std::span<const int> descriptors = {});
  void shutdown();

  // Whether descriptors can go along: both ends are on this host.
  bool passes_descriptors() const;

  // From now on all bytes go through the layer. By the thread that made the connection, first.
  void set_layer(std::unique_ptr<SocketLayer> layer) { layer_ = std::move(layer); }
  // Whether a read need not wait, whatever poll(2) says of the descriptor.
  bool holds_bytes() const { return layer_ != nullptr && layer_->holds_bytes(); }

  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }

 private:
  base::Fd fd_;
  std::unique_ptr<SocketLayer> layer_;
};

// Waits until the socket is readable and/or writable, whichever is asked for, or the deadline
// passes (kWouldBlock then). Both flags say on return what holds of that. A connection that ended
// counts as ready: the read or write that follows says so.
Io wait_for(int fd, bool& readable, bool& writable, const base::Deadline& deadline);

}  // namespace lp::net
