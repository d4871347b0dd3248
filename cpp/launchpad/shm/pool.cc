#include "launchpad/shm/pool.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <vector>

namespace lp::shm {
namespace {

constexpr size_t kPage = 4096;

// getpid() is a system call; a fork counts one up.
std::atomic<int> generation{0};

}  // namespace

Pool& Pool::instance() {
  // Leaked: blocks may outlive static destruction.
  static auto* const pool = new Pool();
  return *pool;
}

Pool::Pool() : state_(new base::Guarded<State>()) {
  ::pthread_atfork(nullptr, nullptr, reset_after_fork);
}

// The parent goes on with its segments: the child forgets them, without touching them.
void Pool::reset_after_fork() {
  generation.fetch_add(1, std::memory_order_relaxed);
  instance().state_ = new base::Guarded<State>();
}

size_t Pool::capacity_for(size_t size) { return base::size_class(size, kPage); }

std::shared_ptr<Block> Pool::allocate(size_t size) {
  const size_t capacity = capacity_for(size);
  bool refused = false;
  auto segment = state_->with([&](State& state) -> std::shared_ptr<Segment> {
    refused = state.in_use >= kMaxSegments;
    if (refused) return nullptr;
    ++state.in_use;
    return state.idle.take(capacity).value_or(nullptr);
  });
  if (refused) return nullptr;
  if (segment == nullptr) {
    auto created = Segment::create(capacity);
    if (!created.ok()) {
      state_->with([](State& state) { --state.in_use; });
      return nullptr;
    }
    segment = std::move(created).value();
  }
  const int process = generation.load(std::memory_order_relaxed);
  return std::make_shared<Block>(std::move(segment), true,
                                 [this, process](Block& block) { take_back(block, process); });
}

void Pool::take_back(Block& block, int process) {
  if (process != generation.load(std::memory_order_relaxed)) return;  // The parent's.
  std::vector<std::shared_ptr<Segment>> dropped;                      // Unmapped without the lock.
  state_->with([&](State& state) {
    --state.in_use;
    if (!block.tainted()) {
      state.idle.give(block.segment()->capacity(), block.segment(), dropped);
    }
  });
  for (const auto& segment : dropped) segment->discard_pages();
}

void Pool::trim() {
  std::vector<std::shared_ptr<Segment>> dropped;
  state_->with([&](State& state) { state.idle.drop_all(dropped); });
  for (const auto& segment : dropped) segment->discard_pages();
}

PoolInfo Pool::info() const {
  return state_->with([](const State& state) {
    return PoolInfo{state.in_use, state.idle.count(), state.idle.bytes()};
  });
}

}  // namespace lp::shm
