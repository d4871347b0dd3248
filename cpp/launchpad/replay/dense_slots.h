// DenseSlots keeps a set of slots in an array without gaps, so that any of them can be found by a
// random number, and each knows its position. The last one fills the gap of one that leaves. One
// thread.
#pragma once

#include <vector>

#include "launchpad/replay/selector.h"

namespace lp::replay {

class DenseSlots {
 public:
  size_t size() const { return slots_.size(); }
  Slot at(size_t position) const { return slots_[position]; }
  size_t position(Slot slot) const { return positions_[slot]; }
  void prefetch(size_t position) const { __builtin_prefetch(&slots_[position]); }
  size_t bytes() const { return (slots_.capacity() + positions_.capacity()) * sizeof(Slot); }

  void insert(Slot slot) {
    if (slot >= positions_.size()) positions_.resize(slot + 1);
    positions_[slot] = static_cast<uint32_t>(slots_.size());
    slots_.push_back(slot);
  }
  // The position that is free now was filled by the last one, if that was another.
  size_t remove(Slot slot) {
    const uint32_t position = positions_[slot];
    slots_[position] = slots_.back();
    positions_[slots_[position]] = position;
    slots_.pop_back();
    return position;
  }
  void clear() {
    slots_.clear();
    positions_.clear();
  }

 private:
  std::vector<Slot> slots_;          // By position.
  std::vector<uint32_t> positions_;  // By slot.
};

}  // namespace lp::replay
