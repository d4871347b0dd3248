// Inlet is how either end of a connection takes in what the other sends: bytes become frames, lent
// memory is borrowed, what was packed is unpacked. Belongs to the thread that reads the connection.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "launchpad/courier/borrowings.h"
#include "launchpad/net/socket.h"
#include "launchpad/wire/frame_reader.h"

namespace lp::courier {

class Inlet {
 public:
  // `descriptors`: the greeting may bring some.
  Inlet(wire::FrameLimits limits, bool descriptors)
      : limits_(limits), takes_descriptors_(descriptors), reader_(limits) {}

  // Reads once; waits for the first byte if `wait`.
  net::Io read(net::Socket& socket, bool wait);
  // The last read filled the room that there was: more may be there.
  bool filled() const { return filled_; }
  // The one descriptor that came with the greeting; invalid if there was not one.
  base::Fd greeting_descriptor();

  // Appends the next complete frame that its owner has to see. kNone: more bytes are needed.
  // kBroken: the bytes are wrong, for ever, and why() says why.
  using Next = wire::FrameReader::Next;
  Next next(std::vector<wire::Frame>& frames);
  const Error& why() const { return broken_ ? *broken_ : reader_.why(); }
  // After a frame: false if nothing is left for another one.
  bool more() { return reader_.more(); }

  // The peer is known: these limits hold from now on, and packed frames are welcome.
  void trust(wire::FrameLimits limits);
  // Both ends share this host's memory: takes the descriptors that come along, and borrows what
  // they stand for.
  void share(std::shared_ptr<Returns> returns);
  // Takes at most so many small frames' bytes at a time.
  void read_at_most(size_t bytes) { reader_.set_most_staged(bytes); }

 private:
  static constexpr size_t kFewFrames = 4;  // What most reads bring at most.

  // The next one, after that one, which tells of slots.
  Next next_after(wire::Frame& frame);
  Next unpack(wire::Frame& frame);
  Next broken(Error why);

  wire::FrameLimits limits_;
  bool trusted_ = false;
  bool takes_descriptors_;
  std::vector<base::Fd> descriptors_;  // That came with the greeting.
  bool filled_ = false;
  std::unique_ptr<Borrowings> borrowings_;
  wire::FrameReader reader_;
  std::optional<Error> broken_;  // Where the reader is not.
};

}  // namespace lp::courier
