// Pool hands out blocks of fresh shared memory and uses their segments again: mapping new memory
// and touching it page by page costs more than copying into it. One per process; any thread. A
// child made by fork() starts with an empty one.
#pragma once

#include <memory>

#include "launchpad/base/guarded.h"
#include "launchpad/base/idle.h"
#include "launchpad/shm/block.h"

namespace lp::shm {

// What lies unused for later use, at most.
inline constexpr size_t kMaxIdleBytes = 256 << 20;
// Segments in use at a time; each is a file descriptor.
inline constexpr size_t kMaxSegments = 512;

struct PoolInfo {
  size_t segments_in_use = 0;
  size_t idle_segments = 0;
  size_t idle_bytes = 0;
};

class Pool {
 public:
  static Pool& instance();

  // A block of at least `size` bytes with any content, exclusive; null if there is no memory or no
  // descriptor for it, or kMaxSegments are in use: then ordinary memory must do. Throws
  // std::bad_alloc if no memory has so many bytes.
  std::shared_ptr<Block> allocate(size_t size);

  // Gives all that is idle back to the system.
  void trim();
  PoolInfo info() const;

  // The capacity of segments for `size` bytes: whole pages, at most an eighth larger.
  static size_t capacity_for(size_t size);

 private:
  struct State {
    base::Idle<std::shared_ptr<Segment>> idle{kMaxIdleBytes, kMaxSegments};  // By capacity.
    size_t in_use = 0;
  };

  Pool();
  void take_back(Block& block, int process);
  static void reset_after_fork();

  base::Guarded<State>* state_;  // Replaced in a forked child, where its lock may be held.
};

}  // namespace lp::shm
