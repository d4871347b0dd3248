#include "launchpad/courier/loans.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "launchpad/courier/borrowings.h"
#include "launchpad/shm/pool.h"

namespace lp::courier {
namespace {

wire::Buffer shared_buffer(size_t size, bool transient = false) {
  wire::Buffer buffer = wire::Buffer::allocate_shared(size, transient);
  EXPECT_NE(buffer.block(), nullptr);
  return buffer;
}

TEST(LoansTest, ASegmentIsAnnouncedOnce) {
  Loans loans;
  const wire::Buffer buffer = shared_buffer(wire::kSharedBytes);
  const auto first = loans.lend(buffer, false, true);
  const auto second = loans.lend(buffer, false, true);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->announce, nullptr);
  EXPECT_EQ(second->announce, nullptr);
  EXPECT_EQ(first->word.slot, second->word.slot);
  EXPECT_EQ(loans.count(), 2u);
}

TEST(LoansTest, SmallAndPrivateBuffersAreNotLent) {
  Loans loans;
  EXPECT_FALSE(loans.lend(wire::Buffer::allocate(1 << 20), true, true));
  EXPECT_FALSE(loans.lend(shared_buffer(wire::kSharedBytes).first(100), true, true));
}

TEST(LoansTest, WhatIsLentStaysAliveUntilItIsGivenBack) {
  shm::Pool::instance().trim();
  const size_t before = shm::Pool::instance().info().segments_in_use;
  Loans loans;
  uint32_t slot = 0;
  {
    const auto loan = loans.lend(shared_buffer(wire::kSharedBytes), false, true);
    ASSERT_TRUE(loan);
    slot = loan->word.slot;
  }
  EXPECT_EQ(shm::Pool::instance().info().segments_in_use, before + 1);
  const uint32_t slots[] = {slot};
  EXPECT_TRUE(loans.give_back(slots).ok());
  EXPECT_EQ(shm::Pool::instance().info().segments_in_use, before);
  EXPECT_EQ(shm::Pool::instance().info().idle_segments, 1u);
  EXPECT_FALSE(loans.give_back(slots).ok()) << "it came back twice";
}

TEST(LoansTest, WhatAPeerMayStillReadIsNotUsedAgain) {
  shm::Pool::instance().trim();
  {
    Loans loans;
    ASSERT_TRUE(loans.lend(shared_buffer(wire::kSharedBytes), false, true));
  }  // The connection breaks.
  EXPECT_EQ(shm::Pool::instance().info().idle_segments, 0u);
  Loans loans;
  const auto loan = loans.lend(shared_buffer(wire::kSharedBytes), false, true);
  const uint32_t slots[] = {loan->word.slot | wire::kTaintedSlot};
  EXPECT_TRUE(loans.give_back(slots).ok());
  EXPECT_EQ(shm::Pool::instance().info().idle_segments, 0u);
}

TEST(LoansTest, OnlyACopyForOneReceiverIsGivenAway) {
  Loans loans;
  EXPECT_TRUE(loans.lend(shared_buffer(1 << 16, true), true, true)->word.given);
  EXPECT_FALSE(loans.lend(shared_buffer(1 << 16, true), false, true)->word.given);
  EXPECT_FALSE(loans.lend(shared_buffer(1 << 16, false), true, true)->word.given);
  const wire::Buffer twice = shared_buffer(1 << 16, true);
  EXPECT_TRUE(loans.lend(twice, true, true)->word.given);
  EXPECT_FALSE(loans.lend(twice, true, true)->word.given);
}

TEST(LoansTest, LimitsTurnLoansIntoBytes) {
  Loans loans;
  const wire::Buffer buffer = shared_buffer(wire::kSharedBytes);
  for (size_t i = 0; i < kMaxLoans; ++i) ASSERT_TRUE(loans.lend(buffer, false, true));
  EXPECT_FALSE(loans.lend(buffer, false, true));
  EXPECT_FALSE(Loans().lend(buffer, false, false)) << "it could not be announced";
}

TEST(LoansTest, GoneSegmentsAreForgotten) {
  Loans loans;
  std::vector<uint32_t> forgotten;
  for (int i = 0; i < 300; ++i) {
    const auto loan = loans.lend(shared_buffer(wire::kSharedBytes), false, true);
    ASSERT_TRUE(loan);
    const uint32_t slots[] = {loan->word.slot | wire::kTaintedSlot};  // So the pool drops it.
    ASSERT_TRUE(loans.give_back(slots).ok());
    for (const uint32_t slot : loans.take_forgotten()) forgotten.push_back(slot);
  }
  EXPECT_GT(forgotten.size(), 150u);
}

wire::Frame lend_frame(uint32_t slot, size_t capacity) {
  wire::Frame frame;
  frame.type = wire::FrameType::kLend;
  frame.id = slot;
  frame.argument = capacity;
  return frame;
}

class BorrowingsTest : public testing::Test {
 protected:
  void lend(uint32_t slot, const wire::Buffer& buffer) {
    const auto& segment = buffer.block()->segment();
    borrowings_.descriptors().emplace_back(::dup(segment->fd()));
    EXPECT_TRUE(borrowings_.take_frame(lend_frame(slot, segment->capacity())).ok());
  }

  int told_ = 0;
  std::shared_ptr<Returns> returns_ = std::make_shared<Returns>([this] { ++told_; });
  Borrowings borrowings_{returns_};
};

TEST_F(BorrowingsTest, WhatIsBorrowedIsGivenBackWhenItsLastUserIsDone) {
  const wire::Buffer own = shared_buffer(1 << 16);
  lend(7, own);
  {
    auto borrowed = borrowings_.borrow({7, 1000, false});
    ASSERT_TRUE(borrowed.ok());
    EXPECT_EQ(borrowed.value().data(), own.data());
    EXPECT_TRUE(borrowed.value().read_only());
    EXPECT_TRUE(returns_->empty());
  }
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(returns_->take(), std::vector<uint32_t>{7});
  EXPECT_TRUE(returns_->empty());
}

TEST_F(BorrowingsTest, WhatIsGivenCanBeWritten) {
  lend(1, shared_buffer(1 << 16));
  auto given = borrowings_.borrow({1, 1000, true});
  ASSERT_TRUE(given.ok());
  EXPECT_FALSE(given.value().read_only());
}

TEST_F(BorrowingsTest, TaintTravelsBack) {
  lend(1, shared_buffer(1 << 16));
  { borrowings_.borrow({1, 1000, false}).value().block()->taint(); }
  EXPECT_EQ(returns_->take(), std::vector<uint32_t>{1 | wire::kTaintedSlot});
}

TEST_F(BorrowingsTest, StrangeSlotsAndSizesAreErrors) {
  EXPECT_FALSE(borrowings_.borrow({3, 1000, false}).ok());
  const wire::Buffer own = shared_buffer(1 << 16);
  lend(3, own);
  EXPECT_FALSE(borrowings_.borrow({3, own.block()->segment()->capacity() + 1, false}).ok());
  EXPECT_FALSE(borrowings_.take_frame(lend_frame(4, 1 << 16)).ok()) << "no descriptor came";
  wire::Frame forget;
  forget.type = wire::FrameType::kForget;
  forget.id = 3;
  EXPECT_TRUE(borrowings_.take_frame(forget).ok());
  EXPECT_FALSE(borrowings_.borrow({3, 1000, false}).ok());
}

}  // namespace
}  // namespace lp::courier
