// IndexedHeap keeps slots in order of a number, equals in order of their last insert or update, and
// finds each by its slot. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "launchpad/replay/selector.h"

namespace lp::replay {

class IndexedHeap {
 public:
  size_t size() const { return entries_.size(); }
  size_t bytes() const {
    return entries_.capacity() * sizeof(Entry) + positions_.capacity() * sizeof(uint32_t);
  }
  Slot top() const { return entries_.front().slot; }  // The lowest. Not when empty.
  void insert(Slot slot, double order);
  void update(Slot slot, double order);
  void remove(Slot slot);
  void clear();

 private:
  static constexpr size_t kChildren = 4;

  struct Entry {
    double order;
    uint64_t sequence;
    Slot slot;
    bool before(const Entry& other) const {
      return order != other.order ? order < other.order : sequence < other.sequence;
    }
  };

  void place(size_t position, const Entry& entry);
  void settle(size_t position, const Entry& entry);

  std::vector<Entry> entries_;
  std::vector<uint32_t> positions_;  // By slot.
  uint64_t sequence_ = 0;
};

}  // namespace lp::replay
