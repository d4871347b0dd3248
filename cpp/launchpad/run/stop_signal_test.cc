#include "launchpad/run/stop_signal.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

namespace lp::run {
namespace {

TEST(StopSignal, WaitsUntilItIsRequested) {
  StopSignal stop;
  EXPECT_FALSE(stop.requested());
  EXPECT_FALSE(stop.wait(base::Deadline(base::TimePoint::min())));
  auto waiting = std::async(std::launch::async, [&] { return stop.wait(); });
  stop.request();
  EXPECT_TRUE(waiting.get());
  EXPECT_TRUE(stop.requested());
}

TEST(StopSignal, RunsEachHandlerOnceWhateverTheOthersThrow) {
  StopSignal stop;
  std::vector<int> ran;
  stop.add_handler([&] {
    ran.push_back(1);
    throw std::runtime_error("bad handler");
  });
  stop.add_handler([&] {
    ran.push_back(2);
    throw 2;
  });
  const uint64_t removed = stop.add_handler([&] { ran.push_back(3); });
  stop.add_handler([&] { ran.push_back(4); });
  stop.remove_handler(removed);
  stop.request();
  stop.request();
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 4}));
}

TEST(StopSignal, RunsALateHandlerAtOnce) {
  StopSignal stop;
  stop.request();
  bool ran = false;
  stop.remove_handler(stop.add_handler([&] { ran = true; }));
  EXPECT_TRUE(ran);
}

TEST(StopSignal, AHandlerMayRequestAddAndRemove) {
  StopSignal stop;
  int ran = 0;
  uint64_t second = 0;
  stop.add_handler([&] {
    stop.request();
    stop.remove_handler(second);
    stop.add_handler([&] { ran += 10; });
  });
  second = stop.add_handler([&] { ran += 1; });
  stop.request();
  EXPECT_EQ(ran, 10);
}

TEST(StopSignal, WhoRemovesAHandlerThatRunsWaitsForItsEnd) {
  StopSignal stop;
  std::promise<void> entered, leave;
  std::atomic<bool> left{false};
  const uint64_t number = stop.add_handler([&] {
    entered.set_value();
    leave.get_future().wait();
    left = true;
  });
  std::thread stopper([&] { stop.request(); });
  entered.get_future().wait();
  std::thread remover([&] {
    stop.remove_handler(number);
    EXPECT_TRUE(left);
  });
  leave.set_value();
  remover.join();
  stopper.join();
}

TEST(StopSignal, AHandlerMayRemoveItself) {
  StopSignal stop;
  uint64_t number = 0;
  bool ran = false;
  number = stop.add_handler([&] {
    stop.remove_handler(number);
    ran = true;
  });
  stop.request();
  EXPECT_TRUE(ran);
}

TEST(StopSignal, OfManyRequestsOneRunsTheHandlers) {
  StopSignal stop;
  std::atomic<int> ran{0};
  for (int i = 0; i < 10; ++i) stop.add_handler([&] { ++ran; });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { stop.request(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ran, 10);
}

TEST(StopSignal, ItsDescriptorIsReadableFromTheRequestOnWhenEverItWasAskedFor) {
  const auto readable = [](StopSignal& stop) {
    pollfd watched{stop.fd(), POLLIN, 0};
    return ::poll(&watched, 1, 0) > 0;
  };
  StopSignal asked_before, asked_after;
  EXPECT_FALSE(readable(asked_before));
  asked_before.request();
  asked_after.request();
  EXPECT_TRUE(readable(asked_before));
  EXPECT_TRUE(readable(asked_after));
}

}  // namespace
}  // namespace lp::run
