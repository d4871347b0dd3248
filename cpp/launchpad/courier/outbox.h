// Outbox holds the frames of one connection that wait to be sent, in order. Small frames are laid
// end to end and leave in one write; large buffers are sent from where they lie, or are lent to the
// peer where they lie in shared memory. Not thread-safe: its connection guards it.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/courier/borrowings.h"
#include "launchpad/courier/head_bytes.h"
#include "launchpad/courier/loans.h"
#include "launchpad/net/socket.h"
#include "launchpad/wire/frame.h"

namespace lp::courier {

class Outbox {
 public:
  void append(wire::FrameType type, uint64_t id, uint64_t argument, std::string_view method,
              const wire::Payload& payload);

  // Sends what the connection takes now, and what is to be given back. kMoved: everything is gone.
  net::Io flush(net::Socket& socket);

  // Sends its descriptor along with what is appended next.
  void announce(std::shared_ptr<shm::Segment> segment) { announced_.push_back(std::move(segment)); }
  // The peer shares this host's memory: from now on, buffers are lent. `returns`: what it lent to
  // this end and is done with.
  void share(std::shared_ptr<Returns> returns);
  // A kReturn frame came.
  Status give_back(const wire::Frame& frame);

  bool empty() const { return bytes_ == 0 && (returns_ == nullptr || returns_->empty()); }
  size_t bytes() const { return bytes_; }
  // Bytes that were appended since the last clear(), sent or not.
  uint64_t appended() const { return appended_; }
  // Forgets what was not sent, and all loans: the connection has ended.
  void clear();

 private:
  // Either some frames' heads (`bytes`) or one buffer.
  struct Segment {
    size_t size() const { return buffer.size() > 0 ? buffer.size() : bytes.size(); }
    const void* data() const {
      return buffer.size() > 0 ? static_cast<const void*>(buffer.data()) : bytes.data();
    }
    HeadBytes bytes;
    wire::Buffer buffer;
  };

  HeadBytes& head();
  void append_head(wire::FrameType type, uint64_t id, uint64_t argument, std::string_view method,
                   const wire::Payload& payload, const uint64_t* entries);
  void append_shared(wire::FrameType type, uint64_t id, uint64_t argument, std::string_view method,
                     const wire::Payload& payload);
  void append_returns();
  void count(size_t appended) {
    bytes_ += appended;
    appended_ += appended;
  }
  void drop(size_t sent);

  std::deque<Segment> segments_;
  size_t sent_ = 0;   // Of the first segment.
  size_t bytes_ = 0;  // Unsent, of all.
  uint64_t appended_ = 0;

  // Only where both ends share a host's memory.
  std::unique_ptr<Loans> loans_;
  std::shared_ptr<Returns> returns_;
  std::vector<std::shared_ptr<shm::Segment>> announced_;  // Their descriptors are not sent yet.
};

}  // namespace lp::courier
