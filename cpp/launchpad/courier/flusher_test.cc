#include "launchpad/courier/flusher.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace lp::courier {
namespace {

using Pace = Flusher::Pace;

class Connection : public Flushable {
 public:
  void flush_due() override {
    const std::lock_guard lock(mutex_);
    ++flushes_;
    changed_.notify_all();
  }
  bool flushed(int times) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return flushes_ >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int flushes_ = 0;
};

TEST(Flusher, ComesOnceForEachTimeThatItWasAskedAtEachPace) {
  for (const Pace pace : {Pace::kSoon, Pace::kInBurst, Pace::kLater}) {
    const auto connection = std::make_shared<Connection>();
    for (int times = 1; times <= 3; ++times) {
      Flusher::at(pace).add(connection);
      EXPECT_TRUE(connection->flushed(times));
    }
  }
}

TEST(Flusher, DoesNotComeToAConnectionThatIsGone) {
  auto gone = std::make_shared<Connection>();
  const auto kept = std::make_shared<Connection>();
  Flusher::at(Pace::kSoon).add(std::exchange(gone, nullptr));
  Flusher::at(Pace::kSoon).add(kept);
  EXPECT_TRUE(kept->flushed(1));
}

TEST(Flusher, ComesMoreRarelyWhileABurstGoesOn) {
  EXPECT_EQ(Flusher::next_pace(Pace::kSoon, 16), Pace::kInBurst);   // In 50 us.
  EXPECT_EQ(Flusher::next_pace(Pace::kInBurst, 64), Pace::kLater);  // In 200 us.
  EXPECT_EQ(Flusher::next_pace(Pace::kLater, 640), Pace::kLater);   // In 2 ms.
}

TEST(Flusher, ComesSoonAgainAfterABurst) {
  for (const Pace pace : {Pace::kSoon, Pace::kInBurst, Pace::kLater})
    EXPECT_EQ(Flusher::next_pace(pace, 15), Pace::kSoon);
}

}  // namespace
}  // namespace lp::courier
