#include "launchpad/courier/pending.h"

#include <utility>

namespace lp::courier {

void PendingCalls::add(Pending& pending, std::shared_ptr<Pending> owner) {
  if (size_ == buckets_.size()) grow();
  pending.owner = std::move(owner);
  pending.next = std::exchange(bucket(pending.id), &pending);
  ++size_;
}

Pending* PendingCalls::find(uint64_t id) const {
  Pending* pending = buckets_[id & (buckets_.size() - 1)];
  while (pending != nullptr && pending->id != id) pending = pending->next;
  return pending;
}

std::optional<PendingCalls::Entry> PendingCalls::take(uint64_t id) {
  for (Pending** link = &bucket(id); *link != nullptr; link = &(*link)->next) {
    Pending* const pending = *link;
    if (pending->id != id) continue;
    *link = std::exchange(pending->next, nullptr);
    --size_;
    return Entry{pending, std::move(pending->owner)};
  }
  return std::nullopt;
}

std::vector<PendingCalls::Entry> PendingCalls::take_all() {
  std::vector<Entry> all;
  all.reserve(size_);
  for_each([&](Pending& pending) { all.push_back({&pending, std::move(pending.owner)}); });
  for (const Entry& entry : all) entry.pending->next = nullptr;
  buckets_.assign(kFewest, nullptr);
  size_ = 0;
  return all;
}

void PendingCalls::grow() {
  const std::vector<Pending*> before = std::exchange(buckets_, std::vector<Pending*>(2 * size_));
  for (Pending* pending : before) {
    while (pending != nullptr) {
      Pending* const next = pending->next;
      pending->next = std::exchange(bucket(pending->id), pending);
      pending = next;
    }
  }
}

}  // namespace lp::courier
