// Large memory of this process's own, for buffers: on huge pages where the system offers them, and
// used again, since the system clears fresh pages, which costs more than to receive into them. What
// is not in use stays ours only until the system needs its pages (MADV_FREE). Any thread. A child
// made by fork() starts with none idle.
#pragma once

#include <cstddef>
#include <memory>

namespace lp::wire {

// Worth it from here on.
inline constexpr size_t kLargeBytes = 4 << 20;
// What lies unused for later use, at most.
inline constexpr size_t kMaxIdleLargeBytes = 128 << 20;

// At least `size` bytes with any content, aligned for huge pages; idle again when the last copy
// of the pointer goes. Throws std::bad_alloc.
std::shared_ptr<void> allocate_large(size_t size);

// What lies unused now. For tests.
size_t idle_large_bytes();

}  // namespace lp::wire
