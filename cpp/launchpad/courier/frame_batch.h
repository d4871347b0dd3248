// FrameBatch is a list for the frames of one turn of reading, in the room that this thread's last
// one left: to allocate and to free as much again at each turn costs more than the frames that
// come. Lives within a function; one thread.
#pragma once

#include <utility>
#include <vector>

#include "launchpad/base/recycled.h"
#include "launchpad/wire/frame_reader.h"

namespace lp::courier {

class FrameBatch {
 public:
  // Frames that there stays room for, 144 bytes each.
  static constexpr size_t kMostKept = 512;

  FrameBatch() {
    if (Spare& spare = of_this_thread(); !spare.ended) frames_ = std::move(spare.frames);
  }
  ~FrameBatch() {
    frames_.clear();
    Spare& spare = of_this_thread();
    const bool keeps = base::threads_keep_spares.load(std::memory_order_relaxed);
    if (keeps && !spare.ended && frames_.capacity() <= kMostKept) spare.frames = std::move(frames_);
  }
  FrameBatch(const FrameBatch&) = delete;
  FrameBatch& operator=(const FrameBatch&) = delete;

  std::vector<wire::Frame>& frames() { return frames_; }

 private:
  struct Spare {
    std::vector<wire::Frame> frames;
    bool ended = false;  // The thread ends, and reads for the last times.

    ~Spare() { ended = true; }
  };
  static Spare& of_this_thread() {
    thread_local Spare spare;
    return spare;
  }

  std::vector<wire::Frame> frames_;
};

}  // namespace lp::courier
