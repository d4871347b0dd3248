#include "launchpad/shm/pool.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>

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

size_t Pool::capacity_for(size_t size) {
  const size_t unit = std::max(kPage, std::bit_floor(std::max<size_t>(size, 1)) / 8);
  return (std::max<size_t>(size, 1) + unit - 1) / unit * unit;
}

std::shared_ptr<Block> Pool::allocate(size_t size) {
  const size_t capacity = capacity_for(size);
  bool refused = false;
  auto segment = state_->with([&](State& state) -> std::shared_ptr<Segment> {
    refused = state.in_use >= kMaxSegments;
    if (refused) return nullptr;
    ++state.in_use;
    // The one that came back last, and so lies last, is the likeliest to be in the cache.
    const auto [first, last] = state.idle.equal_range(capacity);
    if (first == last) return nullptr;
    const auto newest = std::prev(last);
    auto found = std::move(newest->second.segment);
    state.idle.erase(newest);
    state.idle_bytes -= capacity;
    return found;
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
    const size_t capacity = block.segment()->capacity();
    if (block.tainted()) return;
    if (capacity > kMaxIdleBytes) return dropped.push_back(block.segment());
    state.idle.emplace(capacity, Idle{++state.returns, block.segment()});
    state.idle_bytes += capacity;
    while (state.idle_bytes > kMaxIdleBytes || state.idle.size() > kMaxSegments) {
      drop_oldest(state, dropped);
    }
  });
  for (const auto& segment : dropped) segment->discard_pages();
}

void Pool::drop_oldest(State& state, std::vector<std::shared_ptr<Segment>>& dropped) {
  const auto oldest = std::min_element(state.idle.begin(), state.idle.end(), [](auto& a, auto& b) {
    return a.second.since < b.second.since;
  });
  state.idle_bytes -= oldest->first;
  dropped.push_back(std::move(oldest->second.segment));
  state.idle.erase(oldest);
}

void Pool::trim() {
  std::vector<std::shared_ptr<Segment>> dropped;
  state_->with([&](State& state) {
    while (!state.idle.empty()) drop_oldest(state, dropped);
  });
  for (const auto& segment : dropped) segment->discard_pages();
}

PoolInfo Pool::info() const {
  return state_->with([](const State& state) {
    return PoolInfo{state.in_use, state.idle.size(), state.idle_bytes};
  });
}

}  // namespace lp::shm
