// Loans are the buffers in shared memory that one end of a connection has lent to the other: which
// segments the peer knows by which slot, and what stays alive until the peer gives it back. Not
// thread-safe: its outbox guards it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "launchpad/wire/frame.h"

namespace lp::courier {

// Beyond these, buffers travel as bytes, which pushes back on the sender. A single larger buffer is
// lent when nothing else is.
inline constexpr size_t kMaxLoans = 256;
inline constexpr size_t kMaxLoanBytes = size_t{1} << 30;

class Loans {
 public:
  Loans() = default;
  Loans(const Loans&) = delete;
  Loans& operator=(const Loans&) = delete;
  // Whoever was lent something may still look at it.
  ~Loans();

  struct Loan {
    wire::SharedWord word;
    // Not null: the peer does not know the slot yet.
    std::shared_ptr<shm::Segment> announce;
  };
  // Lends `buffer`, if it lies in shared memory and limits allow. `sole`: to nobody else.
  // `may_announce`: a new slot can be told of now.
  std::optional<Loan> lend(const wire::Buffer& buffer, bool sole, bool may_announce);

  // The peer gave back one use of each. INVALID_ARGUMENT for what was not lent.
  Status give_back(std::span<const uint32_t> slots);

  // Slots whose segments are gone; the peer can forget them.
  std::vector<uint32_t> take_forgotten();

  size_t count() const { return count_; }

 private:
  struct Slot {
    std::weak_ptr<shm::Segment> segment;
    std::vector<wire::Buffer> lent;  // One per use.
  };

  std::optional<uint32_t> find_slot(const std::shared_ptr<shm::Segment>& segment);
  std::optional<uint32_t> add_slot(const std::shared_ptr<shm::Segment>& segment);

  std::unordered_map<uint32_t, Slot> slots_;
  std::unordered_map<const shm::Segment*, uint32_t> by_segment_;
  uint32_t next_slot_ = 0;
  size_t count_ = 0;
  size_t bytes_ = 0;
  size_t sweep_at_ = 64;  // Number of slots at which to look for those that are gone.
};

}  // namespace lp::courier
