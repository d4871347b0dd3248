// Segment is memory that several processes of one host can map: a memfd (no file, no limit of
// /dev/shm; the kernel frees it with the last process that holds it) and its mapping here. Who made
// it may write; who was handed it may read, unless it takes the memory over. Shared by the blocks
// that lie in it; any thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "launchpad/base/fd.h"
#include "launchpad/base/guarded.h"
#include "launchpad/base/result.h"

namespace lp::shm {

class Segment {
 public:
  // Fresh zeros. RESOURCE_EXHAUSTED.
  static Result<std::shared_ptr<Segment>> create(size_t capacity);

  // What `fd`, that a peer sent, stands for; the same object if this process holds it already.
  // INVALID_ARGUMENT unless it is memory of at least `capacity` bytes that nobody can make smaller:
  // reading it can then never end in SIGBUS.
  static Result<std::shared_ptr<Segment>> open(base::Fd fd, size_t capacity);

  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();

  std::byte* data() { return data_; }
  size_t capacity() const { return capacity_; }
  int fd() const { return fd_.get(); }
  // Nobody will be handed it any more: its memory stays, its descriptor need not.
  void close_descriptor();
  bool writable() const { return writable_.load(std::memory_order_acquire); }
  // Lets this process write to a segment that it was handed. False if the system refuses.
  bool make_writable();
  // Gives the pages back to the system at once, whoever has them mapped. Only for memory that
  // nobody reads any more.
  void discard_pages();

 private:
  using Identity = std::pair<dev_t, ino_t>;  // The kernel's name for the memory.

  Segment(base::Fd fd, Identity identity, std::byte* data, size_t capacity, bool writable);

  static Result<Identity> identify(int fd, size_t capacity);
  static Result<std::shared_ptr<Segment>> map(base::Fd fd, Identity identity, size_t capacity,
                                              bool writable);
  // Those that live, so that the same memory is mapped once.
  using Known = base::Guarded<std::map<Identity, std::weak_ptr<Segment>>>;
  static Known& known();

  base::Fd fd_;
  const Identity identity_;
  std::byte* const data_;
  const size_t capacity_;
  std::atomic<bool> writable_;
};

}  // namespace lp::shm
