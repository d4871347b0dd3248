#include "launchpad/replay/heap.h"

#include <algorithm>

namespace lp::replay {

void IndexedHeap::place(size_t position, const Entry& entry) {
  entries_[position] = entry;
  positions_[entry.slot] = static_cast<uint32_t>(position);
}

// Moves the gap at `position` up or down until `entry` fits into it.
void IndexedHeap::settle(size_t position, const Entry& entry) {
  while (position > 0) {
    const size_t parent = (position - 1) / kChildren;
    if (!entry.before(entries_[parent])) break;
    place(position, entries_[parent]);
    position = parent;
  }
  while (true) {
    const size_t first = position * kChildren + 1;
    if (first >= entries_.size()) break;
    const size_t last = std::min(first + kChildren, entries_.size());
    size_t least = first;
    for (size_t child = first + 1; child < last; ++child) {
      if (entries_[child].before(entries_[least])) least = child;
    }
    if (!entries_[least].before(entry)) break;
    place(position, entries_[least]);
    position = least;
  }
  place(position, entry);
}

void IndexedHeap::insert(Slot slot, double order) {
  if (slot >= positions_.size()) positions_.resize(slot + 1);
  entries_.emplace_back();
  settle(entries_.size() - 1, Entry{order, ++sequence_, slot});
}

void IndexedHeap::update(Slot slot, double order) {
  settle(positions_[slot], Entry{order, ++sequence_, slot});
}

void IndexedHeap::remove(Slot slot) {
  const size_t position = positions_[slot];
  const Entry last = entries_.back();
  entries_.pop_back();
  if (position < entries_.size()) settle(position, last);
}

void IndexedHeap::clear() {
  entries_.clear();
  positions_.clear();
}

}  // namespace lp::replay
