// FrameBatch is a list for the frames of one turn of reading, in the room that this thread's last
// one left: to allocate and to free as much again at each turn costs more than the frames that
// come. Lives within a function; one thread.
#pragma once

#include <utility>
#include <vector>

#include "launchpad/base/spares.h"
#include "launchpad/wire/frame_reader.h"

namespace lp::courier {

class FrameBatch {
 public:
  // Frames that there stays room for, 136 bytes each.
  static constexpr size_t kMostKept = 512;

  FrameBatch() {
    Kept& kept = of_this_thread();
    if (!kept.ended) frames_.swap(kept.frames);
  }
  ~FrameBatch() {
    frames_.clear();
    const bool keeps = base::threads_keep_spares.load(std::memory_order_relaxed);
    Kept& kept = of_this_thread();
    if (keeps && !kept.ended && frames_.capacity() <= kMostKept) frames_.swap(kept.frames);
  }
  FrameBatch(const FrameBatch&) = delete;
  FrameBatch& operator=(const FrameBatch&) = delete;

  std::vector<wire::Frame>& frames() { return frames_; }

 private:
  struct Kept {
    std::vector<wire::Frame> frames;
    bool ended = false;  // The thread ends: what is given from now on is not kept.

    ~Kept() { ended = true; }
  };
  static Kept& of_this_thread() {
    thread_local Kept kept;
    return kept;
  }

  std::vector<wire::Frame> frames_;
};

}  // namespace lp::courier
