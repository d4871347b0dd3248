// A ring of bytes in memory that two processes share: one thread at a time writes, one reads.
// Positions count the bytes since the start, modulo 2^32; what the other side says of them is
// checked, so that a peer gone wrong cannot make this process touch memory outside the ring. Rings
// do not wake anybody: the flags say who wants to be.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace lp::shm {

inline constexpr uint32_t kRingBytes = 32 * 1024;

// What both sides see; all zeros at the start. Beside each position lies the flag that who moves it
// looks at then, so that one line of cache goes to the other side and back, not two.
struct Ring {
  alignas(64) std::atomic<uint32_t> tail;  // Bytes that were ever written,
  std::atomic<uint32_t> marks;             // and what the writer counts beside them.
  std::atomic<uint32_t> reader_waits;
  std::atomic<uint32_t> reader_core;       // Where it was when it asked to be woken.
  std::atomic<uint32_t> rest;              // How the writer wants it to wait.
  alignas(64) std::atomic<uint32_t> head;  // Bytes that were ever read.
  std::atomic<uint32_t> writer_waits;
  alignas(64) std::byte bytes[kRingBytes];
};

// Whether who waits for bytes shall sleep, though to look for them might pay: others need its core.
enum class Rest : uint32_t { kNo, kIfCrowded, kYes };

class RingWriter {
 public:
  explicit RingWriter(Ring& ring) : ring_(ring) {}

  // Writes what fits of the parts, and says how much: 0 if the ring is full. Nothing: the reader
  // has broken the ring.
  std::optional<size_t> write(std::span<const iovec> parts);
  // Whether anything fits; a broken ring counts as if. For any thread.
  bool has_room() const;
  // Counts one more thing that travels beside the bytes, before they are written.
  void mark() { ring_.marks.store(++marks_, std::memory_order_relaxed); }

  // Asks to be woken when something was read. True: it was asked before, or the ring is full.
  bool ask_for_room();
  // Whether the reader has read all. For any thread.
  bool drained() const {
    return ring_.tail.load(std::memory_order_relaxed) == ring_.head.load(std::memory_order_relaxed);
  }
  // Whether the reader has asked to be woken.
  bool reader_sleeps() const { return ring_.reader_waits.load(std::memory_order_relaxed) != 0; }
  // How the reader shall wait when it does so next. For any thread.
  void ask_to_rest(Rest rest) {
    ring_.rest.store(static_cast<uint32_t>(rest), std::memory_order_relaxed);
  }
  // On which of the machine's cores it was then.
  uint32_t reader_core() const { return ring_.reader_core.load(std::memory_order_relaxed); }
  // After writing: true, once, if the reader asked to be woken.
  bool reader_asked();

 private:
  void own_next(uint32_t room) const;

  Ring& ring_;
  uint32_t tail_ = 0;
  uint32_t head_ = 0;  // As last seen.
  uint32_t marks_ = 0;
};

class RingReader {
 public:
  explicit RingReader(Ring& ring) : ring_(ring) {}

  // Reads what is there into `space`, and says how much: 0 if the ring is empty. Nothing: the
  // writer has broken the ring.
  std::optional<size_t> read(std::span<std::byte> space);
  // Whether there is anything to read; a broken ring counts as if.
  bool has_bytes() const { return ring_.tail.load() != head_; }
  // How much there is to read; what a broken ring claims.
  uint32_t bytes() const { return ring_.tail.load(std::memory_order_relaxed) - head_; }
  // What the writer asked for, once.
  Rest take_rest() {
    const uint32_t rest = ring_.rest.load(std::memory_order_relaxed);
    if (rest != 0) ring_.rest.store(0, std::memory_order_relaxed);
    return static_cast<Rest>(rest);
  }
  // How often the writer counted something beside the bytes that were read.
  uint32_t marks() const { return ring_.marks.load(std::memory_order_relaxed); }

  // Asks to be woken when something was written. False: something is there already.
  bool ask_for_bytes();
  void ask_no_more() { ring_.reader_waits.store(0, std::memory_order_relaxed); }
  // After reading: true, once, if the writer asked to be woken.
  bool writer_asked();

 private:
  Ring& ring_;
  uint32_t head_ = 0;
};

}  // namespace lp::shm
