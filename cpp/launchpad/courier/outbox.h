// Outbox holds the frames of one connection that wait to be sent, in order. Small frames are laid
// end to end and leave in one write; large buffers are sent from where they lie. Not thread-safe:
// its connection guards it.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "launchpad/net/socket.h"
#include "launchpad/wire/frame.h"

namespace lp::courier {

class Outbox {
 public:
  void append(wire::FrameType type, uint64_t id, uint64_t argument, std::string_view method,
              const wire::Payload& payload);

  // Sends what the connection takes now. kMoved: everything is gone.
  net::Io flush(net::Socket& socket);

  bool empty() const { return bytes_ == 0; }
  size_t bytes() const { return bytes_; }
  void clear();

 private:
  // Either some frames' heads (`bytes`) or one buffer.
  struct Segment {
    size_t size() const { return buffer.size() > 0 ? buffer.size() : bytes.size(); }
    const void* data() const {
      return buffer.size() > 0 ? static_cast<const void*>(buffer.data()) : bytes.data();
    }
    std::string bytes;
    wire::Buffer buffer;
  };

  void drop(size_t sent);

  std::deque<Segment> segments_;
  size_t sent_ = 0;   // Of the first segment.
  size_t bytes_ = 0;  // Unsent, of all.
};

}  // namespace lp::courier
