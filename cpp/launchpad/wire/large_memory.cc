#include "launchpad/wire/large_memory.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/base/idle.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#endif

namespace lp::wire {
namespace {

constexpr size_t kHugePageBytes = 2 << 20;
constexpr size_t kMostIdle = 64;

// Memory out of use, which whoever still uses it is caught at under ASan.
class Unused {
 public:
  Unused(void* memory, size_t size) : memory_(memory), size_(size) {
    ::madvise(memory, size, MADV_FREE);
    ASAN_POISON_MEMORY_REGION(memory, size);
  }
  Unused(Unused&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_) {}
  ~Unused() { std::free(use()); }

  void* use() {
    if (memory_ != nullptr) ASAN_UNPOISON_MEMORY_REGION(memory_, size_);
    return std::exchange(memory_, nullptr);
  }

 private:
  void* memory_;
  size_t size_;
};

class LargeMemory {
 public:
  static LargeMemory& instance() {
    // Leaked: buffers may outlive static destruction.
    static auto* const memory = new LargeMemory();
    return *memory;
  }

  std::shared_ptr<void> allocate(size_t size) {
    const size_t capacity = base::size_class(size, kHugePageBytes);
    auto found = idle_->with([&](Idle& idle) { return idle.take(capacity); });
    void* const memory = found ? found->use() : fresh(capacity);
    return {memory, [this, capacity](void* unused) { take_back(unused, capacity); }};
  }

  size_t idle_bytes() const {
    return idle_->with([](const Idle& idle) { return idle.bytes(); });
  }

 private:
  using Idle = base::Idle<Unused>;
  using GuardedIdle = base::Guarded<Idle>;

  LargeMemory() : idle_(make_idle()) { ::pthread_atfork(nullptr, nullptr, reset_after_fork); }
  static GuardedIdle* make_idle() { return new GuardedIdle(kMaxIdleLargeBytes, kMostIdle); }
  // Its lock may be held there, by a thread that the child does not have.
  static void reset_after_fork() { instance().idle_ = make_idle(); }

  static void* fresh(size_t capacity) {
    void* const memory = std::aligned_alloc(kHugePageBytes, capacity);
    if (memory == nullptr) throw std::bad_alloc();
    ::madvise(memory, capacity, MADV_HUGEPAGE);
    return memory;
  }

  void take_back(void* memory, size_t capacity) {
    std::vector<Unused> dropped;  // Freed without the lock.
    Unused unused(memory, capacity);
    idle_->with([&](Idle& idle) { idle.give(capacity, std::move(unused), dropped); });
  }

  GuardedIdle* idle_;  // Replaced in a forked child.
};

}  // namespace

std::shared_ptr<void> allocate_large(size_t size) { return LargeMemory::instance().allocate(size); }

size_t idle_large_bytes() { return LargeMemory::instance().idle_bytes(); }

}  // namespace lp::wire
