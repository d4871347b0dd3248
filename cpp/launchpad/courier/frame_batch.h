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
    if (auto spare = Spares::take()) frames_ = std::move(*spare);
  }
  ~FrameBatch() {
    frames_.clear();
    if (frames_.capacity() <= kMostKept) Spares::give(std::move(frames_), 1);
  }
  FrameBatch(const FrameBatch&) = delete;
  FrameBatch& operator=(const FrameBatch&) = delete;

  std::vector<wire::Frame>& frames() { return frames_; }

 private:
  using Spares = base::Spares<std::vector<wire::Frame>>;

  std::vector<wire::Frame> frames_;
};

}  // namespace lp::courier
