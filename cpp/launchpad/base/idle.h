// Idle<T> keeps things of a size that are out of use, memory above all, for who next asks for one
// of that size: the one that came back last is the likeliest to be in the cache. Bounded: what came
// back first goes first. Not synchronised.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace lp::base {

// T moves.
template <class T>
class Idle {
 public:
  Idle(size_t most_bytes, size_t most_things)
      : most_bytes_(most_bytes), most_things_(most_things) {}

  // Nothing: none of exactly this size is idle.
  std::optional<T> take(size_t size) {
    const auto [first, last] = things_.equal_range(size);
    if (first == last) return std::nullopt;
    return remove(std::prev(last));
  }

  // Keeps `thing`. What no longer fits, `thing` itself if it is too large, is moved to `dropped`:
  // ending it may take long, and the caller holds a lock.
  void give(size_t size, T thing, std::vector<T>& dropped) {
    if (size > most_bytes_) return dropped.push_back(std::move(thing));
    things_.emplace(size, Thing{++given_, std::move(thing)});
    bytes_ += size;
    while (bytes_ > most_bytes_ || things_.size() > most_things_) drop_oldest(dropped);
  }

  void drop_all(std::vector<T>& dropped) {
    while (!things_.empty()) drop_oldest(dropped);
  }

  size_t count() const { return things_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Thing {
    uint64_t since = 0;  // How many had been given: the smallest is the oldest.
    T thing;
  };
  using Things = std::multimap<size_t, Thing>;  // By size.

  T remove(typename Things::iterator at) {
    T removed = std::move(at->second.thing);
    bytes_ -= at->first;
    things_.erase(at);
    return removed;
  }
  void drop_oldest(std::vector<T>& dropped) {
    dropped.push_back(
        remove(std::min_element(things_.begin(), things_.end(), [](const auto& a, const auto& b) {
          return a.second.since < b.second.since;
        })));
  }

  const size_t most_bytes_;
  const size_t most_things_;
  Things things_;
  size_t bytes_ = 0;
  uint64_t given_ = 0;
};

}  // namespace lp::base
