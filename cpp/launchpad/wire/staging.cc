#include "launchpad/wire/staging.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "launchpad/base/check.h"
#include "launchpad/base/spares.h"

namespace lp::wire {
namespace {

// What a thread keeps for its stagings: one at a time has bytes in it, as a rule.
constexpr size_t kMostSpares = 2;

}  // namespace

void Staging::check_invariants() const {
  LP_CHECK(begin_ <= end_);
  LP_CHECK(end_ <= room_.memory.size());
}

std::span<std::byte> Staging::space(size_t most) {
  if (room_.memory.size() == 0) room_ = make_room();
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ > 0 && room_.memory.size() - end_ < kBytes / 2) {
    std::memmove(room_.memory.data(), data(), size());
    end_ -= begin_;
    begin_ = 0;
  }
  // A head (method, sizes of many buffers) that is longer than the room.
  if (end_ == room_.memory.size()) grow();
  return {room_.memory.data() + end_, std::min(room_.memory.size() - end_, most)};
}

Staging::Room Staging::make_room() {
  if (auto spare = base::Spares<Room>::take()) return std::move(*spare);
  return {base::Pages(kBytes)};
}

void Staging::grow() {
  Room grown{base::Pages(2 * room_.memory.size()), end_};
  std::memcpy(grown.memory.data(), room_.memory.data(), end_);
  room_ = std::move(grown);
}

void Staging::add(size_t bytes) {
  end_ += bytes;
  room_.touched = std::max(room_.touched, end_);
}

void Staging::leave() {
  begin_ = end_ = 0;
  if (room_.touched <= kKeptBytes) return;
  Room left = std::exchange(room_, {});
  if (left.memory.size() == kBytes) base::Spares<Room>::give(std::move(left), kMostSpares);
}

}  // namespace lp::wire
