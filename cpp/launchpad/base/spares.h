// Spares<T> is what a thread keeps of things that it is done with, for what it makes next: memory
// that comes and goes all the time is cheaper to keep than to free and to allocate again. The last
// one given is taken first; what remains goes with the thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace lp::base {

// Whether threads keep anything for what comes next. Off where threads are only simulated, whose
// end nothing tells of.
inline std::atomic<bool> threads_keep_spares{true};

// T moves.
template <class T>
class Spares {
 public:
  // Nothing: the thread has none.
  static std::optional<T> take() {
    Kept& kept = of_this_thread();
    if (kept.ended || kept.things.empty()) return std::nullopt;
    std::optional<T> taken(std::move(kept.things.back()));
    kept.things.pop_back();
    return taken;
  }

  // Keeps `thing` if the thread has fewer than `most`. False: it is the caller's still.
  static bool give(T&& thing, size_t most) {
    Kept& kept = of_this_thread();
    const bool keeps = threads_keep_spares.load(std::memory_order_relaxed);
    if (!keeps || kept.ended || kept.things.size() >= most) return false;
    try {
      kept.things.push_back(std::move(thing));
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

 private:
  struct Kept {
    std::vector<T> things;
    bool ended = false;  // The thread ends: what it gives from now on is not kept.

    ~Kept() { ended = true; }
  };
  static Kept& of_this_thread() {
    thread_local Kept kept;
    return kept;
  }
};

}  // namespace lp::base
