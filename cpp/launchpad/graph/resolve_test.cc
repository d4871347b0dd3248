#include "launchpad/graph/resolve.h"

#include <gtest/gtest.h>

#include "launchpad/graph/courier_node.h"
#include "launchpad/graph/program.h"

namespace {

struct Echo {
  int same(int x) { return x; }
  using courier_methods = lp::Methods<&Echo::same>;
};

// Handles in a struct of the user's own, which arrives as another struct.
struct Wiring {
  lp::Handle<Echo> echo;
  int size = 0;
};
struct Wired {
  lp::Client<Echo> echo;
  int size = 0;
};

}  // namespace

template <>
struct lp::HandleAdaptor<Wiring> {
  static auto handles(const Wiring& wiring) { return std::tie(wiring.echo); }
  static Wired resolve(const Wiring& wiring) { return {lp::resolve(wiring.echo), wiring.size}; }
};

namespace lp {
namespace {

// A program of one Echo, served in this thread's context.
class Resolving : public testing::Test {
 protected:
  Resolving() : handle(program.add_node(CourierNode<Echo>(), "echo")) {
    auto context = std::make_shared<run::Context>();
    context->label = "echo";
    context->address_prefix =
        "inproc:resolve-test-" + std::to_string(reinterpret_cast<uintptr_t>(this)) + "/";
    context->task_names = std::make_shared<const std::vector<std::string>>(1, "echo/0");
    scope.emplace(context);
    server = NodeContext(context).serve(echo);
  }

  Program program{"p"};
  Handle<Echo> handle;
  Echo echo;
  std::optional<run::ScopedContext> scope;
  std::unique_ptr<courier::Server> server;
};

template <class Value>
size_t edges(const Value& value) {
  graph::Inputs inputs;
  graph::Resolver<Value>::collect(value, inputs);
  return inputs.size();
}

TEST_F(Resolving, AHandleBecomesAClient) {
  EXPECT_EQ(resolve(handle).call<&Echo::same>(3), 3);
  EXPECT_EQ(edges(handle), 1u);
}

TEST_F(Resolving, HandlesInsideContainersBecomeClients) {
  const std::vector<Handle<Echo>> list{handle, handle};
  EXPECT_EQ(resolve(list)[1].call<&Echo::same>(1), 1);
  EXPECT_EQ(edges(list), 2u);

  const std::array<Handle<Echo>, 2> array{handle, handle};
  EXPECT_EQ(resolve(array)[0].call<&Echo::same>(2), 2);
  EXPECT_EQ(edges(array), 2u);

  const std::map<std::string, Handle<Echo>> map{{"a", handle}};
  EXPECT_EQ(resolve(map).at("a").call<&Echo::same>(3), 3);
  EXPECT_EQ(edges(map), 1u);

  const std::tuple<int, Handle<Echo>> tuple{7, handle};
  EXPECT_EQ(std::get<1>(resolve(tuple)).call<&Echo::same>(4), 4);
  EXPECT_EQ(std::get<0>(resolve(tuple)), 7);
  EXPECT_EQ(edges(tuple), 1u);

  const std::pair<Handle<Echo>, int> pair{handle, 1};
  EXPECT_EQ(resolve(pair).first.call<&Echo::same>(5), 5);
  EXPECT_EQ(edges(pair), 1u);

  const std::optional<Handle<Echo>> some = handle;
  EXPECT_EQ(resolve(some)->call<&Echo::same>(6), 6);
  EXPECT_FALSE(resolve(std::optional<Handle<Echo>>()).has_value());

  const std::vector<std::map<int, std::vector<Handle<Echo>>>> nested{{{1, {handle}}}};
  EXPECT_EQ(resolve(nested)[0].at(1)[0].call<&Echo::same>(8), 8);
  EXPECT_EQ(edges(nested), 1u);
}

TEST_F(Resolving, HandlesInsideAStructBecomeClientsThroughItsAdaptor) {
  const std::vector<Wiring> wirings{{handle, 4}};
  const std::vector<Wired> wired = resolve(wirings);
  EXPECT_EQ(wired[0].echo.call<&Echo::same>(9), 9);
  EXPECT_EQ(wired[0].size, 4);
  EXPECT_EQ(edges(wirings), 1u);
}

TEST_F(Resolving, OtherValuesStayAsTheyAre) {
  EXPECT_EQ(resolve(std::string("x")), "x");
  EXPECT_EQ(edges(std::vector<int>{1, 2}), 0u);
}

TEST_F(Resolving, TheDeadlineOfAHandleIsItsClients) {
  server->stop();
  EXPECT_EQ(
      resolve(handle.within(std::chrono::milliseconds(50))).result<&Echo::same>(1).error().code,
      Code::kUnavailable);
}

TEST_F(Resolving, ACallToANodeThatHasEndedNamesIt) {
  const auto client = resolve(handle);
  server->stop();
  const Error error = client.result<&Echo::same>(1).error();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_NE(error.message.find("node 'echo/0' has ended"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace lp
