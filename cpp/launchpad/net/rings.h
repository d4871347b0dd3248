// Rings carry a connection's bytes through memory that both ends map, one ring for each direction,
// once both are known to be processes of this host and user. Reading and writing may go on at the
// same time in two threads, as with a Socket. The client sleeps on a word of the memory; the
// server's threads sleep at their doorbell, where this connection has a number.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "launchpad/net/io.h"
#include "launchpad/shm/doorbell.h"
#include "launchpad/shm/ring.h"
#include "launchpad/shm/spin.h"

namespace lp::net {

class Rings {
 public:
  // Memory for a connection, that the client makes, and how large it is.
  static Result<std::shared_ptr<shm::Segment>> make_memory();
  static size_t memory_size();

  // The client's end: rings the server's doorbell as `number`.
  Rings(std::shared_ptr<shm::Segment> memory, std::shared_ptr<shm::Doorbell> doorbell,
        uint32_t number);
  // The server's end.
  explicit Rings(std::shared_ptr<shm::Segment> memory);

  // Reads what is there. kClosed once everything was read and either end has closed.
  Moved read(std::span<std::byte> space);
  // Writes what fits; with `marked`, it tells of something that travels beside the bytes.
  Moved write(std::span<const iovec> parts, bool marked);
  // From now on writes do not wake the other end, which may find their bytes if it is awake; until
  // `tell`, by the thread that writes.
  void keep_quiet() { quiet_ = true; }
  // True: the other end slept.
  bool tell();
  // The server's: how the client shall wait next. Any thread.
  void ask_to_rest(shm::Rest rest) { out_.ask_to_rest(rest); }
  bool has_room() const { return out_.has_room(); }
  // Whether the other end sleeps until there is something to read.
  bool reader_sleeps() const { return out_.reader_sleeps(); }
  // On which of the machine's cores it went to sleep.
  uint32_t reader_core() const { return out_.reader_core(); }
  // What the other end has told of, and was not asked for before.
  bool new_marks() const { return in_.marks() != marks_; }
  void take_mark() { ++marks_; }

  // The client's: as wait_for, but no longer than a fifth of a second, and not after the server's
  // end.
  Io wait(bool& readable, bool& writable, const base::Deadline& deadline);
  // The client's: others took the core of the thread that waited last when it lent it.
  bool crowded() const { return spin_.crowded(); }
  // True, once: the server's threads want to be poked at the socket.
  bool poke_due() { return poke_due_.load(std::memory_order_relaxed) && poke_due_.exchange(false); }

  // Whether the other end has read all that was written. For any thread.
  bool drained() const { return out_.drained(); }
  // Lets the other end write more before it is read, for some microseconds at most, or until it
  // reads itself: to read each message while the next is written takes both ends longer, since the
  // same lines of cache go back and forth.
  void gather() const;
  // The server's: asks to be rung for when there are bytes. False: there are some, or the end.
  bool ask_for_bytes();
  // The same for room.
  bool ask_for_room() { return out_.ask_for_room(); }

  // Either end's: nothing is written any more. The other end reads what was.
  void close();
  // The other end's process is gone, or has closed.
  void note_end() { ended_.store(true, std::memory_order_release); }
  // Whether the other end has closed, or its process is gone, as far as memory tells; then reading
  // will tell so too.
  bool ended();

 private:
  struct Memory;

  void tell_other();
  bool shall_rest();
  void await_taker() const;

  const std::shared_ptr<shm::Segment> segment_;
  const std::shared_ptr<shm::Doorbell> doorbell_;  // The client's.
  const uint32_t number_ = 0;
  Memory& memory_;
  shm::RingReader in_;
  shm::RingWriter out_;
  shm::Spin spin_;      // The reading thread's.
  bool quiet_ = false;  // The writing thread's.
  uint32_t marks_ = 0;
  std::atomic<bool> insisted_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> poke_due_{false};
};

}  // namespace lp::net
