// Idle<T> keeps things of a size that are out of use, memory above all, for who next asks for one
// of that size: the one that came back last is the likeliest to be in the cache. Bounded: what came
// back first goes first. Not synchronised.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace lp::base {

// The size that things for `size` bytes are made of and kept by: whole units, and at most an eighth
// more than that, so that sizes which are nearly the same use the same things again. Throws
// std::bad_alloc if it cannot be addressed.
inline size_t size_class(size_t size, size_t smallest_unit) {
  const size_t wanted = std::max<size_t>(size, 1);
  const size_t unit = std::max(smallest_unit, std::bit_floor(wanted) / 8);
  const size_t rounded = (wanted + unit - 1) / unit * unit;
  if (rounded < wanted) throw std::bad_alloc();
  return rounded;
}

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
