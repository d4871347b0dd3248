#include "launchpad/courier/batcher.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

using std::chrono::milliseconds;

// A call with a number, that may have been given up.
class Numbered final : public Waiting {
 public:
  explicit Numbered(int number, bool gone = false, std::vector<int>* failed = nullptr)
      : number(number), gone_(gone), failed_(failed) {}
  std::optional<Error> gone() const override {
    if (!gone_) return std::nullopt;
    return Error(Code::kCancelled, "cancelled");
  }
  void fail(const Error&) override {
    if (failed_ != nullptr) failed_->push_back(number);
  }
  const int number;

 private:
  bool gone_;
  std::vector<int>* failed_;
};

std::vector<int> numbers(const Batch& batch) {
  std::vector<int> all;
  for (const auto& waiting : batch) all.push_back(static_cast<Numbered&>(*waiting).number);
  return all;
}

class BatchQueueTest : public testing::Test {
 protected:
  void add(int number, int at, bool gone = false) {
    queue_.add(std::make_unique<Numbered>(number, gone), time(at));
  }
  static base::TimePoint time(int ms) { return base::TimePoint() + milliseconds(ms); }
  std::vector<int> take(int at) { return numbers(queue_.take(time(at)).batch); }

  BatchQueue queue_{3, milliseconds(100)};
};

TEST_F(BatchQueueTest, AFullBatchIsDueAtOnce) {
  for (int i = 1; i <= 3; ++i) add(i, 0);
  EXPECT_TRUE(queue_.due(time(0)));
  EXPECT_EQ(take(0), (std::vector{1, 2, 3}));
  EXPECT_EQ(queue_.next(), std::nullopt);
}

TEST_F(BatchQueueTest, ASmallOneIsDueAfterTheTimeoutOfItsFirstCall) {
  add(1, 0);
  add(2, 90);
  EXPECT_EQ(queue_.next(), time(100));
  EXPECT_FALSE(queue_.due(time(99)));
  EXPECT_EQ(take(100), (std::vector{1, 2}));
}

TEST_F(BatchQueueTest, ABatchThatIsLateKeepsFilling) {
  add(1, 0);
  add(2, 150);
  add(3, 160);
  add(4, 170);
  EXPECT_EQ(take(200), (std::vector{1, 2, 3}));
  EXPECT_EQ(queue_.next(), time(270));
}

TEST_F(BatchQueueTest, WhoIsGoneTakesNobodysPlace) {
  add(1, 0, true);
  add(2, 10);
  add(3, 10, true);
  add(4, 10);
  add(5, 10);
  const BatchQueue::Taken taken = queue_.take(time(10));
  EXPECT_EQ(numbers(taken.batch), (std::vector{2, 4, 5}));
  EXPECT_EQ(taken.gone.size(), 2u);
}

TEST_F(BatchQueueTest, WhoIsGoneMakesNoBatchFull) {
  add(1, 0);
  add(2, 10, true);
  add(3, 10);
  EXPECT_EQ(take(10), std::vector<int>{});
  EXPECT_EQ(queue_.count(), 2u);
  EXPECT_EQ(queue_.next(), time(100));
}

TEST(Batcher, EndsWithoutRunningWhatStillWaits) {
  std::vector<int> failed;
  bool ran = false;
  {
    Batcher batcher({.size = 2, .timeout = std::chrono::hours(1)}, [&](Batch) { ran = true; });
    batcher.add(std::make_unique<Numbered>(7, false, &failed));
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(failed, std::vector{7});
}

// What the typed tests call.
class Oracle {
 public:
  std::vector<std::string> ask(std::vector<int> a, std::vector<std::string> b) {
    sizes.with([&](auto& all) { all.push_back(a.size()); });
    std::vector<std::string> answers;
    for (size_t i = 0; i < a.size(); ++i) answers.push_back(std::to_string(a[i]) + b[i]);
    return answers;
  }
  std::vector<int> doomed(std::vector<int>) { throw std::invalid_argument("no"); }
  std::vector<int> forgetful(std::vector<int>) { return {}; }
  std::vector<int> alone(std::vector<int> a) {
    for (int& x : a) x += 1;
    return a;
  }
  int plain(int a) { return a; }

  base::Guarded<std::vector<size_t>> sizes;
  using courier_methods =
      Methods<batched<&Oracle::ask>({.size = 5, .timeout_ms = 600'000}),
              batched<&Oracle::doomed>({.size = 3, .timeout_ms = 600'000}),
              batched<&Oracle::forgetful>({.size = 1}),
              batched<&Oracle::alone>({.size = 100, .timeout_ms = 1}), &Oracle::plain>;
};

class BatchedTest : public testing::Test {
 protected:
  BatchedTest() {
    serve_at(server_, oracle_);
    client_ = Client<Oracle>::connect(server_.address().str());
  }
  Oracle oracle_;
  Server server_{{.threads = 1}};
  Client<Oracle> client_;
};

TEST_F(BatchedTest, ManyCallersShareABatchOnAServerOfOneThread) {
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(client_.async<&Oracle::ask>(i, "x"));
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(futures[static_cast<size_t>(i)].get(), std::to_string(i) + "x");
  EXPECT_EQ(oracle_.sizes.with([](auto& all) { return all; }), (std::vector<size_t>{5, 5, 5, 5}));
}

TEST_F(BatchedTest, WaitingCallsLeaveTheThreadToOthers) {
  std::vector<Future<std::string>> waiting;
  for (int i = 0; i < 4; ++i) waiting.push_back(client_.async<&Oracle::ask>(i, ""));
  EXPECT_EQ(client_.call<&Oracle::plain>(3), 3);
  EXPECT_FALSE(waiting[0].ready());
  waiting.push_back(client_.async<&Oracle::ask>(4, ""));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(waiting[static_cast<size_t>(i)].get(), std::to_string(i));
}

TEST_F(BatchedTest, ALoneCallIsAnsweredAfterTheTimeout) {
  EXPECT_EQ(client_.call<&Oracle::alone>(41), 42);
}

TEST_F(BatchedTest, AnExceptionReachesEveryCaller) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(client_.async<&Oracle::doomed>(i));
  for (auto& future : futures) {
    try {
      future.get();
      ADD_FAILURE();
    } catch (const RemoteError& error) {
      EXPECT_STREQ(error.what(), "no") << error.what();
    }
  }
}

TEST_F(BatchedTest, AMethodThatForgetsElementsIsNamed) {
  const auto result = client_.result<&Oracle::forgetful>(1);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("forgetful: it returned 0 elements for a batch of 1"),
            std::string::npos)
      << result.error().message;
}

TEST_F(BatchedTest, ACancelledCallIsInNoBatch) {
  { auto dropped = client_.within(milliseconds(1)).result<&Oracle::ask>(0, ""); }
  std::vector<Future<std::string>> futures;
  for (int i = 1; i <= 5; ++i) futures.push_back(client_.async<&Oracle::ask>(i, ""));
  for (int i = 1; i <= 5; ++i)
    EXPECT_EQ(futures[static_cast<size_t>(i - 1)].get(), std::to_string(i));
}

}  // namespace
}  // namespace lp::courier
