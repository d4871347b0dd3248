#include "launchpad/shm/ring.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

namespace lp::shm {
namespace {

constexpr uint32_t kMask = kRingBytes - 1;
static_assert((kRingBytes & kMask) == 0);
constexpr uint32_t kLine = 64;
constexpr uint32_t kNextBytes = 4 * kLine;
static_assert(std::atomic<uint32_t>::is_always_lock_free);

// Whoever moves a position looks at the other side's flag then, and whoever sets a flag looks at
// the other side's position then. All four are sequentially consistent (the default): of two
// threads that do so at the same time, one at least sees what the other did.
bool take_flag(std::atomic<uint32_t>& flag) { return flag.load() != 0 && flag.exchange(0) != 0; }

}  // namespace

// The lines of cache that the next message goes into are the reader's still, if it has read the
// last one that lay there: asked for now they are here when it is written, which else waits for
// each.
void RingWriter::own_next([[maybe_unused]] uint32_t room) const {
#ifdef __x86_64__
  if (room < 2 * kNextBytes) return;
  for (uint32_t ahead = 0; ahead < kNextBytes; ahead += kLine)
    asm volatile("prefetchw %0" : : "m"(ring_.bytes[(tail_ + kLine - 1 + ahead) & kMask]));
#endif
}

std::optional<size_t> RingWriter::write(std::span<const iovec> parts) {
  uint32_t room = kRingBytes - (tail_ - head_);
  size_t wanted = 0;
  for (const iovec& part : parts) wanted += part.iov_len;
  if (wanted > room) {
    head_ = ring_.head.load(std::memory_order_acquire);
    if (tail_ - head_ > kRingBytes) return std::nullopt;
    room = kRingBytes - (tail_ - head_);
  }
  const uint32_t start = tail_;
  for (const iovec& part : parts) {
    if (part.iov_len == 0) continue;  // It may point nowhere.
    const auto size = static_cast<uint32_t>(std::min<size_t>(part.iov_len, room));
    const uint32_t at = tail_ & kMask;
    const uint32_t first = std::min(size, kRingBytes - at);
    const auto* from = static_cast<const std::byte*>(part.iov_base);
    std::memcpy(ring_.bytes + at, from, first);
    if (size > first) std::memcpy(ring_.bytes, from + first, size - first);
    tail_ += size;
    room -= size;
    if (room == 0) break;
  }
  if (tail_ == start) return 0;
  ring_.tail.store(tail_);
  own_next(room);
  return tail_ - start;
}

bool RingWriter::has_room() const { return ring_.tail.load() - ring_.head.load() != kRingBytes; }

bool RingWriter::ask_for_room() {
  const bool asked = ring_.writer_waits.exchange(1) != 0;
  return asked || !has_room();
}

bool RingWriter::reader_asked() { return take_flag(ring_.reader_waits); }

std::optional<size_t> RingReader::read(std::span<std::byte> space) {
  const uint32_t used = ring_.tail.load(std::memory_order_acquire) - head_;
  if (used > kRingBytes) return std::nullopt;
  const auto size = static_cast<uint32_t>(std::min<size_t>(used, space.size()));
  if (size == 0) return 0;
  const uint32_t at = head_ & kMask;
  const uint32_t first = std::min(size, kRingBytes - at);
  std::memcpy(space.data(), ring_.bytes + at, first);
  if (size > first) std::memcpy(space.data() + first, ring_.bytes, size - first);
  head_ += size;
  ring_.head.store(head_);
  return size;
}

bool RingReader::ask_for_bytes() {
  ring_.reader_core.store(static_cast<uint32_t>(::sched_getcpu()), std::memory_order_relaxed);
  ring_.reader_waits.store(1);
  if (!has_bytes()) return true;
  ask_no_more();
  return false;
}

bool RingReader::writer_asked() { return take_flag(ring_.writer_waits); }

}  // namespace lp::shm
