// Selector says which item of a table comes next: to be sampled, or to be removed. It knows items
// by their slots, small numbers that the table gives out. Owned by its table, used under the
// table's lock. It never refuses what `check` accepted.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "launchpad/base/result.h"
#include "launchpad/base/rng.h"
#include "launchpad/wire/codec.h"

namespace lp::replay {

using Slot = uint32_t;

// Which item a selector chooses.
enum class SelectorKind : uint8_t {
  kFifo = 1,     // The oldest insert.
  kLifo,         // The newest insert.
  kUniform,      // Any, all alike.
  kPrioritized,  // Any, proportional to priority ** exponent (0 for a priority of 0, whatever the
                 // exponent); all alike if all weigh 0.
  kMinHeap,      // The lowest priority; among equals the least recently inserted or updated.
  kMaxHeap,      // The highest; the same.
};

// How a table chooses an item, to sample or to remove.
struct SelectorOptions {
  SelectorKind kind = SelectorKind::kFifo;  // Which.
  double priority_exponent = 1.0;           // Of kPrioritized.

  // Whether it leaves nothing to chance.
  bool deterministic() const {
    return kind != SelectorKind::kUniform && kind != SelectorKind::kPrioritized;
  }
  bool operator==(const SelectorOptions&) const = default;
  LP_FIELDS(kind, priority_exponent);
};

// The oldest.
inline SelectorOptions fifo() { return {SelectorKind::kFifo}; }
// The newest.
inline SelectorOptions lifo() { return {SelectorKind::kLifo}; }
// Any, all alike.
inline SelectorOptions uniform() { return {SelectorKind::kUniform}; }
// Any, proportional to priority ** exponent.
inline SelectorOptions prioritized(double exponent) {
  return {SelectorKind::kPrioritized, exponent};
}
// The lowest priority.
inline SelectorOptions min_heap() { return {SelectorKind::kMinHeap}; }
// The highest priority.
inline SelectorOptions max_heap() { return {SelectorKind::kMaxHeap}; }

// INVALID_ARGUMENT: no such kind, an exponent that is no finite number.
Status check_selector(const SelectorOptions& options);
// Selector::check of a selector that is made so. `options` passed check_selector.
Status check_priority(const SelectorOptions& options, double priority);
// The same of both selectors of a table.
Status check_priority(const SelectorOptions& sampler, const SelectorOptions& remover,
                      double priority);

class Selector {
 public:
  virtual ~Selector() = default;

  struct Pick {
    Slot slot = 0;
    double probability = 1.0;  // That this one was picked; 1 if nothing is random.
  };

  // INVALID_ARGUMENT: it cannot order such a priority. NaN: none can. Prioritized: negative ones,
  // and those whose weight is infinite or too large to be added up.
  virtual Status check(double priority) const;
  // The slot is not in here; `priority` passed `check`.
  virtual void insert(Slot slot, double priority) = 0;
  // The slot is in here.
  virtual void update(Slot slot, double priority) = 0;
  virtual void remove(Slot slot) = 0;
  // Not when empty.
  virtual Pick pick(base::Rng& rng) = 0;
  // As many picks as `picks` has room for, none of which changes anything.
  virtual void pick_many(base::Rng& rng, std::span<Pick> picks);
  virtual void clear() = 0;
  virtual size_t size() const = 0;
  virtual size_t bytes() const = 0;  // Of its memory.
  // What its items weigh together, where several tables are one: see shards.h.
  virtual double weight() const { return static_cast<double>(size()); }
  // A hint that `slot` is about to be updated.
  virtual void prefetch(Slot slot) const;
};

// `options` passed check_selector.
std::unique_ptr<Selector> make_selector(const SelectorOptions& options);

}  // namespace lp::replay
