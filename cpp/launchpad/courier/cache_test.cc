#include "launchpad/courier/cache.h"

#include <gtest/gtest.h>

#include <thread>

#include "launchpad/courier/client.h"

namespace lp::courier {
namespace {

class HandClock : public base::Clock {
 public:
  base::TimePoint now() const override { return time; }
  base::TimePoint time{};
};

wire::Payload arguments(int number) { return encode_arguments(std::tuple(number)); }

Answer typed(int number) {
  wire::Payload payload;
  wire::Writer writer(payload);
  wire::write(writer, number);
  return payload;
}

// A source that answers with the number of calls that it got, or when the test says so.
class CacheTest : public testing::Test {
 protected:
  struct Asked {
    std::string method;
    Callback callback;
  };

  std::shared_ptr<Cache> make(size_t max_entries = 100) {
    return Cache::make(
        [this](std::string_view method, const wire::Payload&, Callback callback) {
          asked.push_back({std::string(method), std::move(callback)});
          if (!held) answer_last();
        },
        {.stale_after = std::chrono::seconds(10),
         .max_entries = max_entries,
         .clock = &clock,
         .on_refresh_failure = [this](std::string_view method, const Error&) {
           failures.emplace_back(method);
         }});
  }
  void answer_last() {
    const int count = static_cast<int>(asked.size());
    asked.back().callback(failing ? Answer(Error(Code::kUnavailable, "gone")) : typed(count));
  }
  // What the cache answers at once; -1: an error.
  int get(const std::shared_ptr<Cache>& cache, const std::string& method, int argument) {
    std::optional<int> answer;
    cache->get(method, arguments(argument), [&](const Answer& a) {
      answer = a.ok() ? decode_answer<int>(a, method).value() : -1;
    });
    EXPECT_TRUE(answer.has_value()) << "there was no reply";
    return answer.value_or(-2);
  }

  HandClock clock;
  std::vector<Asked> asked;
  std::vector<std::string> failures;
  bool held = false;
  bool failing = false;
};

TEST_F(CacheTest, AnAnswerIsGivenAgainWhileItIsFresh) {
  const auto cache = make();
  EXPECT_EQ(get(cache, "work", 1), 1);
  clock.time += std::chrono::seconds(10);
  EXPECT_EQ(get(cache, "work", 1), 1);
  clock.time += std::chrono::milliseconds(1);
  EXPECT_EQ(get(cache, "work", 1), 2);
}

TEST_F(CacheTest, OtherArgumentsAndOtherMethodsHaveOtherAnswers) {
  const auto cache = make();
  EXPECT_EQ(get(cache, "work", 1), 1);
  EXPECT_EQ(get(cache, "work", 2), 2);
  EXPECT_EQ(get(cache, "other", 1), 3);
  EXPECT_EQ(get(cache, "work", 1), 1);
}

TEST_F(CacheTest, ARefreshRenewsWhatWasAskedForSinceTheLast) {
  const auto cache = make();
  get(cache, "work", 1);
  cache->refresh();
  EXPECT_EQ(get(cache, "work", 1), 2);
  EXPECT_EQ(asked.size(), 2u);
  cache->refresh();
  cache->refresh();
  EXPECT_EQ(asked.size(), 3u);
}

TEST_F(CacheTest, WhatNobodyAsksForIsForgotten) {
  const auto cache = make();
  get(cache, "work", 1);
  cache->refresh();
  clock.time += std::chrono::seconds(11);
  cache->refresh();
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_EQ(cache->entries(), 0u);
}

TEST_F(CacheTest, CallsForTheSameShareOneQuestion) {
  held = true;
  const auto cache = make();
  int answers = 0;
  for (int i = 0; i < 5; ++i) {
    cache->get("work", arguments(1), [&](const Answer& answer) { answers += answer.ok(); });
  }
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(answers, 0);
  answer_last();
  EXPECT_EQ(answers, 5);
}

TEST_F(CacheTest, ErrorsReachEveryCallerAndAreNotKept) {
  failing = true;
  const auto cache = make();
  EXPECT_EQ(get(cache, "work", 1), -1);
  EXPECT_EQ(cache->entries(), 0u);
  failing = false;
  EXPECT_EQ(get(cache, "work", 1), 2);
}

TEST_F(CacheTest, AFailedRefreshKeepsTheAnswerWhileItIsFreshAndIsToldOnce) {
  const auto cache = make();
  get(cache, "work", 1);
  failing = true;
  for (int i = 0; i < 3; ++i) {
    cache->refresh();
    EXPECT_EQ(get(cache, "work", 1), 1);
  }
  EXPECT_EQ(failures, std::vector<std::string>{"work"});
  failing = false;
  cache->refresh();
  EXPECT_EQ(get(cache, "work", 1), 5);
  failing = true;
  cache->refresh();
  EXPECT_EQ(failures.size(), 2u);
}

TEST_F(CacheTest, BeyondItsEntriesCallsGoToTheSource) {
  const auto cache = make(1);
  EXPECT_EQ(get(cache, "work", 1), 1);
  EXPECT_EQ(get(cache, "work", 2), 2);
  EXPECT_EQ(get(cache, "work", 2), 3);
  EXPECT_EQ(get(cache, "work", 1), 1);
  EXPECT_EQ(cache->entries(), 1u);
}

TEST_F(CacheTest, ItsEndFailsThoseThatWaitAndALateAnswerIsDropped) {
  held = true;
  auto cache = make();
  std::optional<Code> code;
  cache->get("work", arguments(1), [&](const Answer& answer) { code = answer.error().code; });
  cache.reset();
  EXPECT_EQ(code, Code::kUnavailable);
  answer_last();
}

TEST_F(CacheTest, ManyThreadsMayAskAndRefreshAtTheSameTime) {
  std::atomic<int> questions{0};
  const auto cache = Cache::make([&](std::string_view, const wire::Payload&,
                                     Callback callback) { callback(typed(++questions)); },
                                 {});
  std::atomic<int> answers{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        cache->get("work", arguments(i % 7), [&](const Answer& a) { answers += a.ok(); });
        if (i % 50 == 0) cache->refresh();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answers.load(), 800);
  EXPECT_LT(questions.load(), 800);
}

}  // namespace
}  // namespace lp::courier
