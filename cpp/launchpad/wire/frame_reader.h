// FrameReader turns a connection's bytes into frames. Its owner asks where the next bytes go
// (`space`), reads into it, says how many came (`commit`), and takes what is complete (`next`).
// Large bodies and buffers are read straight to where they stay; the others are staged. Pure: no
// I/O. One thread at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "launchpad/wire/frame.h"
#include "launchpad/wire/staging.h"

namespace lp::wire {

// Finds the memory that a peer has lent.
class Lent {
 public:
  virtual ~Lent() = default;
  virtual Result<Buffer> borrow(const SharedWord& word) = 0;
};

class FrameReader {
 public:
  explicit FrameReader(FrameLimits limits = {}) : limits_(limits) {}
  // Stays where it is: parts_ point into frame_.
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  // Where the next bytes of the connection go; never empty.
  std::span<std::byte> space();

  // `size` bytes were written to the start of space().
  void commit(size_t size);

  // Puts the next complete frame into `frame`, over whatever it held. kNone: more bytes are needed,
  // and `frame` is as it was. kBroken: these bytes are no frames, for ever, and why() says why.
  enum class Next { kNone, kFrame, kBroken };
  Next next(Frame& frame);
  const Error& why() const { return *broken_; }
  // After a frame: false if nothing is left for another one.
  bool more() {
    if (frame_ || staging_.size() > 0) return true;
    staging_.leave();
    return false;
  }

  // After the handshake, larger frames are welcome.
  void set_limits(FrameLimits limits) { limits_ = limits; }

  // Stages at most so many bytes at a time.
  void set_most_staged(size_t bytes) { most_staged_ = bytes; }

  // Where shared buffers are found; without it they are errors. Outlives the reader.
  void set_lent(Lent* lent) { lent_ = lent; }

  // True between frames.
  bool idle() const { return !frame_ && staging_.size() == 0; }

  void check_invariants() const;

 private:
  size_t head_bytes() const {
    return kHeaderBytes + header_.method_size + size_t{8} * header_.buffer_count;
  }
  Next broken(Error why);
  // A frame that is staged as a whole, as most are.
  bool whole() const;
  Next take_whole(Frame& frame);
  // Begins a frame whose other parts come piece by piece.
  Status begin_frame();
  // What the head says about the frame's buffers, in memory for them.
  Status make_buffers(const std::vector<uint64_t>& entries);
  bool fill_parts();
  // Moves a large body to where it stays.
  Status settle_body();

  FrameLimits limits_;
  size_t most_staged_ = Staging::kBytes;
  Lent* lent_ = nullptr;
  Staging staging_;

  std::optional<Frame> frame_;               // Being assembled.
  Buffer large_body_;                        // The body while its bytes come, if it is large.
  std::vector<std::span<std::byte>> parts_;  // Its body and buffers.
  size_t part_ = 0;                          // The part being filled,
  size_t filled_ = 0;                        // and how much of it is.
  FrameHeader header_;
  std::optional<Error> broken_;
};

}  // namespace lp::wire
