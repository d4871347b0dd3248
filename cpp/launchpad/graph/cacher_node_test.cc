#include "launchpad/graph/cacher_node.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "launchpad/graph/courier_node.h"
#include "launchpad/graph/program.h"

namespace lp {
namespace {

class Counter {
 public:
  int count() { return ++count_; }
  std::vector<int> twice(std::vector<int> numbers) {
    for (int& number : numbers) number *= 2;
    return numbers;
  }
  void fail(std::string why) { throw std::out_of_range(why); }
  using courier_methods =
      Methods<&Counter::count, batched<&Counter::twice>({.timeout_ms = 1}), &Counter::fail>;

 private:
  std::atomic<int> count_{0};
};

// The nodes of a program as threads, each in a context as a launcher makes it.
class Running {
 public:
  explicit Running(const Program& program) {
    const std::string prefix =
        "inproc:cacher-test-" + std::to_string(reinterpret_cast<uintptr_t>(this)) + "/";
    const graph::Plan plan = program.plan().value();
    for (const graph::Task& task : plan.tasks) {
      auto context = std::make_shared<run::Context>();
      context->label = task.label;
      context->task = task.number;
      context->address_prefix = prefix;
      context->task_names = std::make_shared<const std::vector<std::string>>(plan.task_names());
      context->stop = stop_;
      *context->bound =
          net::listen(net::Address::parse(context->address_of(task.number)).value()).value();
      contexts_.push_back(context);
      threads_.emplace_back([context, entry = task.entry] {
        const run::ScopedContext scope(context);
        entry(context);
      });
    }
  }
  ~Running() {
    stop_->request();
    for (std::thread& thread : threads_) thread.join();
  }
  const std::shared_ptr<run::Context>& context() const { return contexts_.front(); }

 private:
  std::shared_ptr<run::StopSignal> stop_ = std::make_shared<run::StopSignal>();
  std::vector<std::shared_ptr<run::Context>> contexts_;
  std::vector<std::thread> threads_;
};

class CacherNodeTest : public testing::Test {
 protected:
  // The cacher's client, and the source's own.
  std::pair<Client<Counter>, Client<Counter>> start(CacherOptions options) {
    const auto source = program.add_node(CourierNode<Counter>(), "source");
    const auto cached = program.add_node(CacherNode<Counter>(source, options), "cacher");
    running.emplace(program);
    const run::ScopedContext scope(running->context());
    return {cached.dereference(), source.dereference()};
  }

  Program program{"p"};
  std::optional<Running> running;
};

constexpr auto kNever = std::chrono::hours(1);

TEST_F(CacherNodeTest, AnswersWhatItsSourceAnsweredBefore) {
  const auto [cached, direct] = start({.refresh_interval = kNever, .stale_after = kNever});
  EXPECT_EQ(cached.call<&Counter::count>(), 1);
  EXPECT_EQ(cached.call<&Counter::count>(), 1);
  EXPECT_EQ(direct.call<&Counter::count>(), 2);
  EXPECT_EQ(cached.call<&Counter::count>(), 1);
}

TEST_F(CacherNodeTest, KeepsWhatIsAskedForFresh) {
  const auto [cached, direct] =
      start({.refresh_interval = std::chrono::milliseconds(1), .stale_after = kNever});
  while (cached.call<&Counter::count>() < 5) {
  }
  EXPECT_GT(direct.call<&Counter::count>(), 5);
}

TEST_F(CacherNodeTest, BatchedMethodsAreCalledOneByOne) {
  const auto [cached, direct] = start({.refresh_interval = kNever, .stale_after = kNever});
  EXPECT_EQ(cached.call<&Counter::twice>(3), 6);
  EXPECT_EQ(cached.call<&Counter::twice>(3), 6);
  EXPECT_EQ(cached.call<&Counter::twice>(4), 8);
}

TEST_F(CacherNodeTest, WhatItsSourceThrowsReachesTheCaller) {
  const auto [cached, direct] = start({.refresh_interval = kNever, .stale_after = kNever});
  try {
    cached.call<&Counter::fail>("too far");
    FAIL();
  } catch (const RemoteError& error) {
    EXPECT_EQ(error.remote_type, "std::out_of_range");
    EXPECT_EQ(error.message, "too far");
  }
}

TEST_F(CacherNodeTest, IsPartOfTheGraph) {
  const auto source = program.add_node(CourierNode<Counter>(), "source");
  program.add_node(CacherNode<Counter>(source, {.refresh_interval = kNever, .stale_after = kNever}),
                   "cacher");
  const graph::Plan plan = program.plan().value();
  EXPECT_EQ(plan.tasks[1].inputs, std::vector<int>{0});
  EXPECT_NE(plan.tasks[1].kind.find("CacherNode<"), std::string::npos);
}

TEST_F(CacherNodeTest, RefusesTimesThatAreNotPositive) {
  const auto source = program.add_node(CourierNode<Counter>(), "source");
  program.add_node(CacherNode<Counter>(source, {.refresh_interval = kNever}), "cacher");
  const Error error = program.plan().error();
  EXPECT_NE(error.message.find("'cacher/0'"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("must be positive"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace lp
