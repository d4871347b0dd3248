// KeyMap finds a number (below 2^32 - 1) by a 64-bit key: open addressing with linear probing, no
// tombstones. One thread. Keys may be chosen by strangers, so they are mixed with the map's own
// random number.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lp::replay {

class KeyMap {
 public:
  // With room for `expected` keys.
  explicit KeyMap(uint64_t salt, size_t expected = 0) : salt_(salt) {
    entries_.assign(std::max(kSmallest, std::bit_ceil(expected + expected / 3 + 1)), Entry{});
  }

  size_t size() const { return size_; }
  size_t bytes() const { return entries_.size() * sizeof(Entry); }

  // Null: not in here. Valid until the next insert or erase.
  uint32_t* find(uint64_t key) {
    for (size_t at = home(key);; at = next(at)) {
      Entry& entry = entries_[at];
      if (!entry.used()) return nullptr;
      if (entry.key() == key) return &entry.value;
    }
  }
  const uint32_t* find(uint64_t key) const { return const_cast<KeyMap*>(this)->find(key); }

  // The number of `key`, 0 if it is new.
  uint32_t& operator[](uint64_t key) {
    if (uint32_t* found = find(key)) return *found;
    if ((size_ + 1) * 4 > entries_.size() * 3) grow();
    ++size_;
    size_t at = home(key);
    while (entries_[at].used()) at = next(at);
    entries_[at] = {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32), 0};
    return entries_[at].value;
  }

  bool erase(uint64_t key) {
    size_t hole = home(key);
    while (entries_[hole].used() && entries_[hole].key() != key) hole = next(hole);
    if (!entries_[hole].used()) return false;
    --size_;
    // Entries behind the hole that would not be found any more move into it.
    for (size_t at = next(hole); entries_[at].used(); at = next(at)) {
      const size_t wanted = home(entries_[at].key());
      if (((at - wanted) & mask()) < ((at - hole) & mask())) continue;
      entries_[hole] = entries_[at];
      hole = at;
    }
    entries_[hole] = Entry{};
    return true;
  }

  void clear() {
    entries_.assign(kSmallest, Entry{});
    size_ = 0;
  }

  // All bits of `key` move each bit of it: both halves of a product of 128 bits.
  static uint64_t mixed(uint64_t key, uint64_t salt) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(key ^ salt) * 0x9e3779b97f4a7c15U;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  void prefetch(uint64_t key) const { __builtin_prefetch(&entries_[home(key)]); }

 private:
  static constexpr size_t kSmallest = 16;
  static constexpr uint32_t kUnused = ~uint32_t{0};

  // 12 bytes: there are millions of them.
  struct Entry {
    uint32_t low = 0;
    uint32_t high = 0;
    uint32_t value = kUnused;
    bool used() const { return value != kUnused; }
    uint64_t key() const { return uint64_t{high} << 32 | low; }
  };

  size_t mask() const { return entries_.size() - 1; }
  size_t next(size_t at) const { return (at + 1) & mask(); }
  size_t home(uint64_t key) const { return mixed(key, salt_) & mask(); }
  void grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old) {
      if (!entry.used()) continue;
      size_t at = home(entry.key());
      while (entries_[at].used()) at = next(at);
      entries_[at] = entry;
    }
  }

  uint64_t salt_;
  std::vector<Entry> entries_;
  size_t size_ = 0;
};

}  // namespace lp::replay
