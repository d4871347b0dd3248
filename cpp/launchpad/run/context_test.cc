#include "launchpad/run/context.h"

#include <gtest/gtest.h>

#include <future>

namespace lp::run {
namespace {

std::shared_ptr<Context> context_of(const std::string& label, std::shared_ptr<StopSignal> stop) {
  auto context = std::make_shared<Context>();
  context->label = label;
  context->stop = std::move(stop);
  return context;
}

std::string current_on_another_thread() {
  return std::async(std::launch::async,
                    [] {
                      const auto context = current_context();
                      return context == nullptr ? std::string("none") : context->name();
                    })
      .get();
}

TEST(Context, KnowsAddressesAndNames) {
  Context context;
  context.label = "producer";
  context.index = 2;
  context.address_prefix = "unix:/run/x/";
  context.address_suffix = ".sock";
  context.task_names = std::make_shared<const std::vector<std::string>>(
      std::vector<std::string>{"producer/0", "consumer/0"});
  EXPECT_EQ(context.name(), "producer/2");
  EXPECT_EQ(context.address_of(3), "unix:/run/x/3.sock");
  EXPECT_EQ(context.name_of(1), "consumer/0");
  EXPECT_EQ(context.name_of(2), "node 2");
  EXPECT_EQ(context.name_of(-1), "node -1");
}

TEST(Context, ListensAtItsOwnAddress) {
  Context context;
  context.address_prefix = "inproc:context_test/";
  context.task = 4;
  auto listener = context.listen();
  ASSERT_TRUE(listener.ok());
  EXPECT_EQ((*listener)->address().str(), "inproc:context_test/4");
  EXPECT_EQ(context.listen().error().code, Code::kAlreadyExists);
}

TEST(CurrentContext, IsTheThreadsOwnWhileItsScopeLives) {
  EXPECT_EQ(current_context(), nullptr);
  const auto stop = std::make_shared<StopSignal>();
  {
    const ScopedContext outer(context_of("outer", stop));
    EXPECT_EQ(current_context()->label, "outer");
    {
      const ScopedContext inner(context_of("inner", stop));
      EXPECT_EQ(current_context()->label, "inner");
    }
    EXPECT_EQ(current_context()->label, "outer");
    EXPECT_EQ(current_on_another_thread(), "none");
  }
  EXPECT_EQ(current_context(), nullptr);
}

TEST(CurrentContext, IsThatOfTheOnlyProgramForThreadsWithoutOne) {
  const auto stop = std::make_shared<StopSignal>();
  const PublishedContext first(context_of("first", stop));
  const PublishedContext second(context_of("second", stop));
  EXPECT_EQ(current_on_another_thread(), "first/0");
  {
    const PublishedContext other(context_of("other", std::make_shared<StopSignal>()));
    EXPECT_EQ(current_on_another_thread(), "none");  // Which of the two programs?
  }
  EXPECT_EQ(current_on_another_thread(), "first/0");
}

}  // namespace
}  // namespace lp::run
