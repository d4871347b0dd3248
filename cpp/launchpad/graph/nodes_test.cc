// The library's kinds of nodes, run by hand in a context of their own.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "launchpad/graph/courier_node.h"
#include "launchpad/graph/exports.h"
#include "launchpad/graph/function_node.h"
#include "launchpad/graph/program.h"
#include "launchpad/graph/python_node.h"
#include "launchpad/wire/frame_bytes.h"

namespace lp {
namespace {

class Counter {
 public:
  explicit Counter(int start) : count_(start) {}
  int add(int by) { return count_ += by; }
  void run() { ran.fetch_add(1); }
  using courier_methods = Methods<&Counter::add>;
  static inline std::atomic<int> ran{0};

 private:
  int count_;
};
LP_EXPORT_NODE(Counter, int);

std::shared_ptr<run::Context> context_of_one(const void* unique) {
  auto context = std::make_shared<run::Context>();
  context->label = "counter";
  context->address_prefix =
      "inproc:nodes-test-" + std::to_string(reinterpret_cast<uintptr_t>(unique)) + "/";
  context->task_names = std::make_shared<const std::vector<std::string>>(1, "counter/0");
  return context;
}

TEST(CourierNode, RunsItsObjectAndEndsWithIt) {
  Program program("p");
  const CourierNode<Counter> node(3);
  program.add_node(node, "counter");
  NodeContext context(context_of_one(&program));
  const int before = Counter::ran.load();
  node.node()->run(context);
  EXPECT_EQ(Counter::ran.load(), before + 1);
}

TEST(CourierNode, WithRunDisabledServesUntilTheStop) {
  Program program("p");
  CourierNode<Counter> node(3);
  node.disable_run();
  const auto handle = program.add_node(node, "counter");
  const auto run_context = context_of_one(&program);
  *run_context->bound =
      net::listen(net::Address::parse(run_context->address_of(0)).value()).value();
  std::thread thread([&] {
    NodeContext context(run_context);
    node.node()->run(context);
  });
  {
    const run::ScopedContext scope(run_context);
    EXPECT_EQ(handle.dereference().call<&Counter::add>(4), 7);
  }
  run_context->stop->request();
  thread.join();
}

TEST(FunctionNode, CallsItsFunctionWithItsArguments) {
  int sum = 0;
  const FunctionNode node([&sum](int a, int b) { sum = a + b; }, 2, 3);
  NodeContext context(context_of_one(&sum));
  node.node()->run(context);
  EXPECT_EQ(sum, 5);
}

TEST(ExportedNode, IsBuiltFromTypedArguments) {
  const graph::ExportedNode* node = graph::find_exported("Counter");
  ASSERT_NE(node, nullptr);
  int unique = 0;
  NodeContext context(context_of_one(&unique));
  const int before = Counter::ran.load();
  (*node)(context, courier::encode_arguments(std::tuple(5)));
  EXPECT_EQ(Counter::ran.load(), before + 1);
}

TEST(ExportedNode, NamesTheArgumentThatDoesNotFit) {
  const graph::ExportedNode* node = graph::find_exported("Counter");
  int unique = 0;
  NodeContext context(context_of_one(&unique));
  const auto message_for = [&](const wire::Payload& payload) -> std::string {
    try {
      (*node)(context, payload);
    } catch (const Error& error) {
      return error.message;
    }
    return "";
  };
  EXPECT_NE(message_for(courier::encode_arguments(std::tuple(std::string("x"))))
                .find("argument 1: expected int, got str"),
            std::string::npos);
  EXPECT_NE(message_for(courier::encode_arguments(std::tuple())).find("takes 1 argument, 0 were"),
            std::string::npos);
}

TEST(PythonNode, SendsItsArgumentsAsTypedValuesAndItsHandlesAsClients) {
  Program program("p");
  const auto counter = program.add_node(CourierNode<Counter>(1), "counter");
  const PythonNode<> node("my.module:Class", 1.5, std::vector<std::string>{"a"}, counter);
  program.add_node(node, "python");
  const auto context = context_of_one(&program);
  const std::string bytes = node.node()->payload(*context).value();
  const wire::Frame frame = wire::frame_from_bytes(bytes).value();
  EXPECT_EQ(frame.method, "my.module:Class");
  wire::Reader reader(frame.payload);
  EXPECT_EQ(reader.list(), 3u);
  EXPECT_EQ(reader.real(), 1.5);
  EXPECT_EQ(wire::read<std::vector<std::string>>(reader), std::vector<std::string>{"a"});
  const wire::ClientRef client = reader.client();
  EXPECT_EQ(client.address, context->address_of(0));
  EXPECT_TRUE(client.prebound);
  EXPECT_TRUE(reader.ok());
}

TEST(PythonNode, RefusesATargetThatNamesNoClass) {
  for (const char* target : {"module", ":Class", "module:"}) {
    Program program("p");
    program.add_node(PythonNode<>(target), "python");
    EXPECT_NE(program.plan().error().message.find("names no Python class"), std::string::npos);
  }
}

}  // namespace
}  // namespace lp
