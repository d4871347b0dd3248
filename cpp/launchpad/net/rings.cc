#include "launchpad/net/rings.h"

#include <algorithm>
#include <climits>
#include <utility>

namespace lp::net {
namespace {

// How long a client sleeps before it looks whether its server was killed.
constexpr base::Nanos kTick{200'000'000};
// How long it believes, at first, that a thread of the server, that was about to look, will do so.
constexpr base::Nanos kInsistAfter{1'000'000};
// One that was asked to sleep waits for its turn, too, and others would lose theirs to it.
constexpr base::Nanos kInsistAtRest{20'000'000};
// So much is gathered, for so many looks at most; some 20 ns pass so many times between them: to
// look is what the writer pays for.
constexpr uint32_t kGatheredBytes = 2 * 1024;
constexpr int kGatherLooks = 4;
constexpr int kGatherPause = 48;
// Looks whether the server has heard of a call by a client that is about to sleep: it need not
// insist then.
constexpr int kTakerLooks = 512;

}  // namespace

// All zeros at the start.
struct Rings::Memory {
  shm::Ring to_server;
  shm::Ring to_client;
  alignas(64) std::atomic<uint32_t> bell;  // The client sleeps on it.
  std::atomic<uint32_t> closed;            // Either end has closed.
};

Result<std::shared_ptr<shm::Segment>> Rings::make_memory() {
  return shm::Segment::create(sizeof(Memory));
}

size_t Rings::memory_size() { return sizeof(Memory); }

Rings::Rings(std::shared_ptr<shm::Segment> memory, std::shared_ptr<shm::Doorbell> doorbell,
             uint32_t number)
    : segment_(std::move(memory)),
      doorbell_(std::move(doorbell)),
      number_(number),
      memory_(*reinterpret_cast<Memory*>(segment_->data())),
      in_(memory_.to_client),
      out_(memory_.to_server) {}

Rings::Rings(std::shared_ptr<shm::Segment> memory)
    : segment_(std::move(memory)),
      memory_(*reinterpret_cast<Memory*>(segment_->data())),
      in_(memory_.to_server),
      out_(memory_.to_client) {}

Moved Rings::read(std::span<std::byte> space) {
  // Looked at first: what was written before the end is read before the end is told of.
  const bool ended =
      ended_.load(std::memory_order_acquire) || memory_.closed.load(std::memory_order_acquire) != 0;
  const auto size = in_.read(space);
  if (!size) return {Io::kClosed};
  if (*size == 0) return {ended ? Io::kClosed : Io::kWouldBlock};
  if (in_.writer_asked()) tell_other();
  return {Io::kMoved, *size};
}

Moved Rings::write(std::span<const iovec> parts, bool marked) {
  if (memory_.closed.load(std::memory_order_acquire) != 0 || ended_.load()) return {Io::kClosed};
  if (marked) out_.mark();
  const auto size = out_.write(parts);
  if (!size) return {Io::kClosed};
  if (*size == 0) return {Io::kWouldBlock};
  if (!quiet_ && out_.reader_asked()) tell_other();
  return {Io::kMoved, *size};
}

bool Rings::tell() {
  if (!std::exchange(quiet_, false) || !out_.reader_asked()) return false;
  tell_other();
  return true;
}

void Rings::tell_other() {
  if (doorbell_ != nullptr) {
    if (doorbell_->ring(number_, spin_.crowded())) poke_due_.store(true);
    return;
  }
  memory_.bell.fetch_add(1);
  shm::futex_wake(memory_.bell, INT_MAX);
}

Io Rings::wait(bool& readable, bool& writable, const base::Deadline& deadline) {
  const bool reading = std::exchange(readable, false);
  const bool writing = std::exchange(writable, false);
  const auto look = [&] {
    const bool ended = memory_.closed.load(std::memory_order_acquire) != 0;
    readable = reading && (ended || in_.has_bytes());
    writable = writing && (ended || out_.has_room());
    return readable || writable;
  };
  // Who waits for room only may not be the only one who waits.
  const bool rests = reading && shall_rest();
  if (rests) await_taker();
  if (reading && !rests ? spin_.until(look) : look()) return Io::kMoved;
  const uint32_t turn = memory_.bell.load();
  bool sleep = true;
  if (reading) sleep = in_.ask_for_bytes();
  if (writing) sleep = out_.ask_for_room() && sleep;
  shm::Slept slept = shm::Slept::kWoken;
  if (sleep && !look()) {
    base::Nanos longest = deadline.never() ? kTick : std::min(kTick, deadline.left());
    const bool unheard = doorbell_ != nullptr && doorbell_->pending(number_);
    const bool insists = !insisted_.exchange(unheard) && unheard;
    if (insists) longest = std::min(longest, rests ? kInsistAtRest : kInsistAfter);
    slept = shm::futex_wait(memory_.bell, turn, longest);
    const bool again = unheard && slept == shm::Slept::kTimedOut;
    if ((insists || again) && doorbell_->insist(number_)) poke_due_.store(true);
  }
  if (reading) in_.ask_no_more();
  if (rests) spin_.has_core();
  if (look()) return Io::kMoved;
  if (slept == shm::Slept::kInterrupted) return Io::kInterrupted;
  if (slept == shm::Slept::kTimedOut && ended()) {
    readable = reading;
    writable = writing;
    return Io::kMoved;
  }
  return Io::kWouldBlock;
}

bool Rings::shall_rest() {
  const shm::Rest rest = in_.take_rest();
  return rest == shm::Rest::kYes || (rest == shm::Rest::kIfCrowded && spin_.crowded());
}

void Rings::await_taker() const {
  for (int i = 0; i < kTakerLooks && doorbell_ != nullptr && doorbell_->pending(number_); ++i)
    shm::Spin::relax();
}

void Rings::gather() const {
  for (int look = 0; look < kGatherLooks; ++look) {
    if (in_.bytes() >= kGatheredBytes || out_.drained()) return;
    for (int i = 0; i < kGatherPause; ++i) shm::Spin::relax();
  }
}

bool Rings::ask_for_bytes() { return in_.ask_for_bytes() && !ended(); }

void Rings::close() {
  memory_.closed.store(1);
  memory_.bell.fetch_add(1);
  shm::futex_wake(memory_.bell, INT_MAX);
}

bool Rings::ended() {
  if (doorbell_ != nullptr && !doorbell_->kept()) note_end();
  return ended_.load(std::memory_order_acquire) ||
         memory_.closed.load(std::memory_order_acquire) != 0;
}

}  // namespace lp::net
