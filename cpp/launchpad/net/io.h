// What comes of moving bytes over a connection. Values.
#pragma once

#include <cstddef>

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

}  // namespace lp::net
