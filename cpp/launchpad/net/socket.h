// Socket is one end of a stream connection, whatever its transport: bytes in order, no message
// borders. Reading and writing may go on at the same time in two threads; each by one thread at a
// time. `shutdown` may be called from any thread and ends both.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/base/fd.h"
#include "launchpad/base/result.h"
#include "launchpad/net/io.h"
#include "launchpad/net/rings.h"
#include "launchpad/shm/spin.h"

namespace lp::net {

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
  Socket(Socket&& other) noexcept { *this = std::move(other); }
  Socket& operator=(Socket&& other) noexcept;

  // Reads what is there into `space`, which is not empty; waits for the first byte if `wait`.
  Moved read(std::span<std::byte> space, bool wait);
  // The same, and takes the descriptors that came along with these bytes. Unix sockets only.
  Moved read(std::span<std::byte> space, bool wait, std::vector<base::Fd>& descriptors);
  // Writes what fits now, never waits. At most kMaxDescriptors `descriptors` go along with the
  // first byte, all of them if anything was moved: the peer gets copies.
  Moved write(std::span<const iovec> parts, std::span<const int> descriptors = {});
  void shutdown();
  // As wait_for below. May return early, with kWouldBlock.
  Io wait(bool& readable, bool& writable, const base::Deadline& deadline);

  // From now on the bytes go through memory; the socket carries descriptors, and tells of the end.
  // Between two reads and two writes, when nothing is under way in either direction.
  void move_to(std::unique_ptr<Rings> rings);
  // Null if there are none.
  Rings* rings() const { return rings_.load(std::memory_order_acquire); }
  // The poller tells of something at the descriptor (of rings, it is no more than a hint), or of
  // the connection's end: then reading goes on until it says so too.
  void note_edge(bool ended);
  bool end_noted() const { return ended_.load(); }

  // Whether descriptors can go along: both ends are on this host.
  bool passes_descriptors() const;

  // From now on all bytes go through the layer. By the thread that made the connection, first.
  void set_layer(std::unique_ptr<SocketLayer> layer) { layer_ = std::move(layer); }
  // Whether a read need not wait, whatever poll(2) says of the descriptor.
  bool holds_bytes() const { return layer_ != nullptr && layer_->holds_bytes(); }

  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }

 private:
  Moved read_ring(Rings& rings, std::span<std::byte> space, bool wait,
                  std::vector<base::Fd>* descriptors);
  Moved write_ring(Rings& rings, std::span<const iovec> parts, std::span<const int> descriptors);
  // Takes what the socket carries beside the rings: pokes, and descriptors.
  void pull(Rings& rings, std::vector<base::Fd>* descriptors);
  void poke();
  Io wait_for_ring(Rings& rings, bool& readable, bool& writable, const base::Deadline& deadline);

  base::Fd fd_;
  std::unique_ptr<SocketLayer> layer_;
  std::unique_ptr<Rings> owned_;
  std::atomic<Rings*> rings_{nullptr};  // The same, for all threads.
  std::atomic<bool> ended_{false};
  std::atomic<bool> pull_due_{false};
  std::atomic<bool> crowded_{false};  // The socket took no more descriptors.
  shm::Spin spin_;                    // The thread's that waits to read.
};

// Waits until the socket is readable and/or writable, whichever is asked for, or the deadline
// passes (kWouldBlock then). Both flags say on return what holds of that. A connection that ended
// counts as ready: the read or write that follows says so.
Io wait_for(int fd, bool& readable, bool& writable, const base::Deadline& deadline);

}  // namespace lp::net
