#include "launchpad/courier/loans.h"

namespace lp::courier {

Loans::~Loans() {
  for (auto& [number, slot] : slots_) {
    for (wire::Buffer& buffer : slot.lent) buffer.block()->taint();
  }
}

std::optional<Loans::Loan> Loans::lend(const wire::Buffer& buffer, bool sole, bool may_announce) {
  shm::Block* const block = buffer.block();
  if (block == nullptr || buffer.size() < wire::kSharedBytes) return std::nullopt;
  if (count_ > 0 && (count_ >= kMaxLoans || bytes_ + buffer.size() > kMaxLoanBytes)) {
    return std::nullopt;
  }
  const std::shared_ptr<shm::Segment>& segment = block->segment();
  Loan loan;
  auto number = find_slot(segment);
  if (!number) {
    if (may_announce) number = add_slot(segment);
    if (!number) return std::nullopt;
    loan.announce = segment;
  }
  loan.word = {*number, buffer.size(), sole && block->transient() && block->exclusive()};
  block->freeze();
  slots_[*number].lent.push_back(buffer);
  ++count_;
  bytes_ += buffer.size();
  return loan;
}

std::optional<uint32_t> Loans::find_slot(const std::shared_ptr<shm::Segment>& segment) {
  const auto known = by_segment_.find(segment.get());
  if (known == by_segment_.end()) return std::nullopt;
  if (slots_[known->second].segment.lock() == segment) return known->second;
  by_segment_.erase(known);  // Another segment lies at a gone one's address.
  return std::nullopt;
}

std::optional<uint32_t> Loans::add_slot(const std::shared_ptr<shm::Segment>& segment) {
  if (next_slot_ > wire::SharedWord::kMaxSlot) return std::nullopt;
  const uint32_t number = next_slot_++;
  slots_.emplace(number, Slot{segment, {}});
  by_segment_.emplace(segment.get(), number);
  return number;
}

Status Loans::give_back(std::span<const uint32_t> slots) {
  for (const uint32_t entry : slots) {
    const auto found = slots_.find(entry & ~wire::kTaintedSlot);
    if (found == slots_.end() || found->second.lent.empty()) {
      return Error(Code::kInvalidArgument, "a peer gave back memory that it was not lent");
    }
    std::vector<wire::Buffer>& lent = found->second.lent;
    if ((entry & wire::kTaintedSlot) != 0) lent.back().block()->taint();
    bytes_ -= lent.back().size();
    --count_;
    lent.pop_back();
  }
  return {};
}

std::vector<uint32_t> Loans::take_forgotten() {
  std::vector<uint32_t> gone;
  if (slots_.size() < sweep_at_) return gone;
  for (auto& [number, slot] : slots_) {
    if (slot.lent.empty() && slot.segment.expired()) gone.push_back(number);
  }
  for (const uint32_t number : gone) slots_.erase(number);
  std::erase_if(by_segment_, [&](const auto& entry) { return !slots_.contains(entry.second); });
  sweep_at_ = slots_.size() * 2 + 64;
  return gone;
}

}  // namespace lp::courier
