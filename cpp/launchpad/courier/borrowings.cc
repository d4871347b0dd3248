#include "launchpad/courier/borrowings.h"

#include <cstring>

namespace lp::courier {
namespace {

// A peer that forgets nothing is not honest.
constexpr size_t kMaxSlots = 1 << 16;
constexpr size_t kMaxWaitingDescriptors = 1024;

}  // namespace

void Returns::add(uint32_t slot) {
  const bool first = slots_.with([&](std::vector<uint32_t>& slots) {
    slots.push_back(slot);
    return waiting_.fetch_add(1, std::memory_order_acq_rel) == 0;
  });
  if (first) on_first_();
}

std::vector<uint32_t> Returns::take() {
  return slots_.with([&](std::vector<uint32_t>& slots) {
    waiting_.store(0, std::memory_order_release);
    return std::exchange(slots, {});
  });
}

Status Borrowings::take_frame(const wire::Frame& frame) {
  if (frame.type == wire::FrameType::kLend) return add_slot(frame.id, frame.argument);
  slots_.erase(static_cast<uint32_t>(frame.id));
  return {};
}

Status Borrowings::add_slot(uint64_t number, uint64_t capacity) {
  if (descriptors_.empty() || descriptors_.size() > kMaxWaitingDescriptors ||
      slots_.size() >= kMaxSlots || number > wire::SharedWord::kMaxSlot) {
    return Error(Code::kInvalidArgument, "a peer lent memory without handing it over");
  }
  base::Fd fd = std::move(descriptors_.front());
  descriptors_.erase(descriptors_.begin());
  LP_TRY_ASSIGN(auto segment, shm::Segment::open(std::move(fd), capacity));
  slots_.insert_or_assign(static_cast<uint32_t>(number), std::move(segment));
  return {};
}

Result<wire::Buffer> Borrowings::borrow(const wire::SharedWord& word) {
  const auto found = slots_.find(word.slot);
  if (found == slots_.end() || word.size > found->second->capacity()) {
    return Error(Code::kInvalidArgument, "a frame refers to memory that was not lent");
  }
  auto block = std::make_shared<shm::Block>(
      found->second, word.given, [returns = returns_, slot = word.slot](shm::Block& ended) {
        returns->add(slot | (ended.tainted() ? wire::kTaintedSlot : 0));
      });
  // What is given may be written to; if the system refuses, it is read-only.
  if (word.given) block->thaw();
  return wire::Buffer(std::move(block), word.size);
}

wire::Payload encode_slots(const std::vector<uint32_t>& slots) {
  wire::Payload payload;
  payload.body.assign(reinterpret_cast<const char*>(slots.data()), slots.size() * sizeof(uint32_t));
  return payload;
}

std::vector<uint32_t> decode_slots(const wire::Payload& payload) {
  std::vector<uint32_t> slots(payload.body.size() / sizeof(uint32_t));
  if (!slots.empty()) {
    std::memcpy(slots.data(), payload.body.data(), slots.size() * sizeof(uint32_t));
  }
  return slots;
}

}  // namespace lp::courier
