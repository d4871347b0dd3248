// Staging is the memory where a connection's bytes lie between reading and parsing. Only what was
// read into is touched; once nothing is left in it, a thread's stagings share what was, so that an
// idle connection keeps little and busy ones find it in the processor's caches. One thread at a
// time.
#pragma once

#include <cstddef>
#include <span>

#include "launchpad/base/pages.h"

namespace lp::wire {

class Staging {
 public:
  static constexpr size_t kBytes = 64 * 1024;
  // What one that is empty keeps to itself, of what it has touched.
  static constexpr size_t kKeptBytes = 4 * 1024;

  // Where the next bytes go, `most` at most; never empty. What is staged may move.
  std::span<std::byte> space(size_t most);
  // `bytes` were written to the start of space().
  void add(size_t bytes);

  // What is staged.
  const std::byte* data() const { return room_.memory.data() + begin_; }
  size_t size() const { return end_ - begin_; }
  void drop(size_t bytes) { begin_ += bytes; }

  // While nothing is staged: others of the thread may use the memory.
  void leave();

  void check_invariants() const;

 private:
  struct Room {
    base::Pages memory;
    size_t touched = 0;  // Bytes from its start that were ever written to.
  };

  static Room make_room();
  void grow();

  Room room_;
  size_t begin_ = 0;  // Staged bytes are [begin_, end_).
  size_t end_ = 0;
};

}  // namespace lp::wire
