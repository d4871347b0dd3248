// Block is one use of a segment: what a buffer in shared memory keeps alive. When the last buffer
// lets go of it, its owner hears: the pool, that uses the segment again, or the connection that
// borrowed it, that tells its peer. Any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "launchpad/shm/segment.h"

namespace lp::shm {

class Block {
 public:
  // `owned`: while the block lives, nobody else reads or writes its memory but who is lent it here.
  Block(std::shared_ptr<Segment> segment, bool owned, std::function<void(Block&)> end)
      : segment_(std::move(segment)), end_(std::move(end)), owned_(owned), exclusive_(owned) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    if (end_) end_(*this);
  }

  const std::shared_ptr<Segment>& segment() const { return segment_; }

  // Whether its bytes may be written here: it is exclusive, and the segment is mapped so.
  bool writable() const { return exclusive() && segment_->writable(); }
  bool exclusive() const { return exclusive_.load(std::memory_order_acquire); }
  // From now on others may read it: nobody writes.
  void freeze() { exclusive_.store(false, std::memory_order_release); }
  // For the only holder of a block that was never lent, or came back from everybody. False if it
  // is not owned.
  bool thaw() {
    if (!owned_ || !segment_->make_writable()) return false;
    exclusive_.store(true, std::memory_order_release);
    return true;
  }
  // Made to carry a copy to one receiver: no user holds it here, so it can become the receiver's.
  void set_transient() { transient_.store(true, std::memory_order_release); }
  bool transient() const { return transient_.load(std::memory_order_acquire); }

  // Somebody out of sight may still read it: the memory must not be used for anything else.
  void taint() { tainted_.store(true, std::memory_order_release); }
  bool tainted() const { return tainted_.load(std::memory_order_acquire); }

 private:
  const std::shared_ptr<Segment> segment_;
  const std::function<void(Block&)> end_;
  const bool owned_;
  std::atomic<bool> exclusive_;
  std::atomic<bool> transient_{false};
  std::atomic<bool> tainted_{false};
};

}  // namespace lp::shm
