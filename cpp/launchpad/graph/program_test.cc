#include "launchpad/graph/program.h"

#include <gtest/gtest.h>

#include "launchpad/graph/courier_node.h"
#include "launchpad/graph/function_node.h"

namespace lp {
namespace {

struct Producer {
  int work(int context) { return context; }
  using courier_methods = Methods<&Producer::work>;
};
struct Consumer {
  explicit Consumer(std::vector<Client<Producer>>) {}
  void run() {}
};
struct Peer {
  explicit Peer(Client<Peer>) {}
  int ping() { return 1; }
  using courier_methods = Methods<&Peer::ping>;
};

// What the call throws.
template <class F>
Error error_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return Error(Code::kOk, "nothing was thrown");
}

TEST(Program, NumbersTheNodesOfALabelAndDrawsEdgesFromHandles) {
  Program program("p");
  std::vector<Handle<Producer>> producers;
  {
    auto group = program.group("producer");
    EXPECT_EQ(program.current_group(), "producer");
    producers.push_back(program.add_node(CourierNode<Producer>()));
    producers.push_back(program.add_node(CourierNode<Producer>(), "producer"));
  }
  program.add_node(CourierNode<Consumer>(producers), "consumer");
  const graph::Plan plan = program.plan().value();
  EXPECT_EQ(plan.task_names(),
            (std::vector<std::string>{"producer/0", "producer/1", "consumer/0"}));
  EXPECT_EQ(plan.tasks[2].inputs, (std::vector<int>{0, 1}));
  EXPECT_TRUE(plan.tasks[0].serves);
  EXPECT_FALSE(plan.tasks[2].serves);
}

TEST(Program, RefusesAnEmptyLabelANestedGroupAndAnotherLabelInAGroup) {
  Program program("p");
  EXPECT_EQ(
      error_of([&] { program.add_node(CourierNode<Producer>()); }).message,
      "Label should not be empty. Give the node a label, or add it inside of a group(label).");
  EXPECT_EQ(
      error_of([&] { (void)program.group(""); }).message,
      "Label should not be empty. Give the node a label, or add it inside of a group(label).");
  EXPECT_NE(error_of([&] { (void)program.current_group(); }).message.find("group context"),
            std::string::npos);
  auto group = program.group("a");
  EXPECT_EQ(error_of([&] { (void)program.group("b"); }).message,
            "group() cannot be nested. Let the group 'a' end first.");
  EXPECT_EQ(error_of([&] { program.add_node(CourierNode<Producer>(), "b"); }).message,
            "The given label does not match the current group: b vs a. Leave the label out, or let "
            "the group end first.");
  group.close();
  EXPECT_EQ(error_of([&] { program.add_node(CourierNode<Producer>(), "b"); }).code, Code::kOk);
}

TEST(Program, RefusesANodeThatWasAddedBefore) {
  Program program("p");
  const CourierNode<Producer> node;
  program.add_node(node, "a");
  const Error error = error_of([&] { program.add_node(node, "b"); });
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_NE(error.message.find("already added, as 'a/0'"), std::string::npos) << error.message;
}

TEST(Program, RefusesHandlesOfNodesThatWereNeverAddedAndSaysWhereTheirHolderWas) {
  const CourierNode<Producer> forgotten;
  Program program("p");
  program.add_node(CourierNode<Consumer>(std::vector{forgotten.create_handle()}), "consumer");
  const Error error = program.plan().error();
  EXPECT_NE(error.message.find("'consumer/0'"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("program_test.cc:"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("never added"), std::string::npos) << error.message;
}

TEST(Program, RefusesHandlesOfAnotherProgram) {
  Program other("other");
  const auto handle = other.add_node(CourierNode<Producer>(), "producer");
  Program program("p");
  program.add_node(CourierNode<Consumer>(std::vector{handle}), "consumer");
  const Error error = program.plan().error();
  EXPECT_NE(error.message.find("of another program"), std::string::npos) << error.message;
}

TEST(Program, CyclesAreDrawnWithConfigure) {
  Program program("p");
  CourierNode<Peer> first, second;
  const auto first_handle = program.add_node(first, "peer");
  const auto second_handle = program.add_node(second, "peer");
  const Error incomplete = program.plan().error();
  EXPECT_NE(incomplete.message.find("call configure"), std::string::npos) << incomplete.message;
  first.configure(second_handle);
  second.configure(first_handle);
  const graph::Plan plan = program.plan().value();
  EXPECT_EQ(plan.tasks[0].inputs, std::vector<int>{1});
  EXPECT_EQ(plan.tasks[1].inputs, std::vector<int>{0});
}

TEST(Plan, TheFingerprintTellsProgramsApart) {
  const auto draw = [](const char* label, int nodes, bool edge) {
    Program program("p");
    std::vector<Handle<Producer>> producers;
    for (int i = 0; i < nodes; ++i) {
      producers.push_back(program.add_node(CourierNode<Producer>(), label));
    }
    if (!edge) producers.clear();
    program.add_node(CourierNode<Consumer>(producers), "consumer");
    return program.plan().value().fingerprint();
  };
  EXPECT_EQ(draw("a", 2, true), draw("a", 2, true));
  EXPECT_NE(draw("a", 2, true), draw("b", 2, true));
  EXPECT_NE(draw("a", 2, true), draw("a", 3, true));
  EXPECT_NE(draw("a", 2, true), draw("a", 2, false));
}

TEST(Handle, CannotBeDereferencedOutsideOfARunningProgram) {
  Program program("p");
  const auto handle = program.add_node(CourierNode<Producer>(), "producer");
  const Error error = error_of([&] { handle.dereference(); });
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_NE(error.message.find("only inside a running node"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace lp
