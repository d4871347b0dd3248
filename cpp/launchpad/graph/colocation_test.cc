#include "launchpad/graph/colocation.h"

#include <gtest/gtest.h>

#include "launchpad/graph/check.h"
#include "launchpad/graph/courier_node.h"
#include "launchpad/graph/function_node.h"
#include "launchpad/graph/program.h"

namespace lp {
namespace {

class Echo {
 public:
  int echo(int x) { return x; }
  using courier_methods = Methods<&Echo::echo>;
};

TEST(Colocation, NumbersTheNodesInsideAfterThoseAddedAndDrawsEdgesToTheirHost) {
  Program program("p");
  CourierNode<Echo> first, second;
  const Handle<Echo> handle = second.create_handle();
  program.add_node(FunctionNode([](Client<Echo>) {}, handle), "user");
  program.add_node(Colocation(first, Colocation(second)), "pool");
  const graph::Plan plan = program.plan().value_or_throw();
  ASSERT_EQ(plan.tasks.size(), 2u);
  ASSERT_EQ(plan.inner.size(), 2u);
  EXPECT_EQ(plan.inner[1].host, 1);
  EXPECT_EQ(handle.slot()->number, 3);
  EXPECT_EQ(plan.tasks[0].inputs, std::vector{1});
  EXPECT_EQ(plan.all_names(),
            (std::vector<std::string>{"user/0", "pool/0", "pool/0/0", "pool/0/1"}));
}

TEST(Colocation, OfANodeThatStandsSomewhereElseTooIsRefusedWithBothPlaces) {
  Program program("p");
  CourierNode<Echo> node, other;
  program.add_node(node, "echo");
  program.add_node(Colocation(node), "first");
  program.add_node(Colocation(other), "second");
  program.add_node(Colocation(other), "second");
  const Report report = check(program);
  ASSERT_EQ(report.findings.size(), 2u) << report.text();
  EXPECT_EQ(report.findings[0].node, "first/0");
  EXPECT_NE(report.findings[0].what.find("under 'echo' as well"), std::string::npos);
  EXPECT_EQ(report.findings[1].node, "second/1");
  EXPECT_NE(report.findings[1].what.find("in 'second/0' as well"), std::string::npos);
  EXPECT_FALSE(program.plan().ok());
}

TEST(Colocation, OfItselfIsRefused) {
  Colocation outer, inner;
  outer.add_node(inner);
  EXPECT_THROW(inner.add_node(outer), Error);
  EXPECT_THROW(inner.add_node(inner), Error);
}

TEST(Colocation, IsRefusedWhenEmpty) {
  Program program("p");
  program.add_node(Colocation(), "pool");
  const auto plan = program.plan();
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.error().message.find("requires at least one node"), std::string::npos);
}

TEST(Colocation, EndsWithTheFirstExceptionOrTheFirstCompleted) {
  NodeContext context(std::make_shared<run::Context>());
  Colocation failing(FunctionNode([] { throw std::runtime_error("broken"); }));
  EXPECT_THROW(failing.node()->run(context), std::runtime_error);
  auto stop = context.run_context()->stop;
  Colocation first(FunctionNode([stop] { stop->wait(); }), FunctionNode([] {}));
  first.return_on_first_completed().node()->run(context);
  stop->request();
}

}  // namespace
}  // namespace lp
