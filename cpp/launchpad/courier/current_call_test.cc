#include "launchpad/courier/current_call.h"

#include <gtest/gtest.h>

#include <future>

#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

// Calls a gate that stays closed, and tells how that ended.
class Middle {
 public:
  explicit Middle(Client<Gate> gate) : gate_(std::move(gate)) {}
  int pass() {
    const auto answer = gate_.result<&Gate::pass>(1);
    ended.set_value(answer.ok() ? Code::kOk : answer.error().code);
    return 0;
  }
  int pass_by_future() {
    const auto answer = gate_.async<&Gate::pass>(1).result();
    ended.set_value(answer.ok() ? Code::kOk : answer.error().code);
    return 0;
  }
  std::promise<Code> ended;
  using courier_methods = Methods<&Middle::pass, &Middle::pass_by_future>;

 private:
  Client<Gate> gate_;
};

class NestedCall : public testing::Test {
 protected:
  NestedCall() {
    serve_at(gate_server, gate);
    middle = std::make_unique<Middle>(Client<Gate>::connect(gate_server.address().str()));
    serve_at(middle_server, *middle);
  }
  // Lets calls end that still run at the gate.
  ~NestedCall() override { gate.unlock(); }

  Client<Middle> client() { return Client<Middle>::connect(middle_server.address().str()); }
  Code how_it_ended() { return middle->ended.get_future().get(); }

  Gate gate;
  std::unique_ptr<Middle> middle;
  Server gate_server;
  Server middle_server;
};

TEST_F(NestedCall, EndsAtTheDeadlineOfTheCallThatMadeIt) {
  // Both end at once: the method may still manage to answer.
  [[maybe_unused]] const auto answer =
      client().within(std::chrono::milliseconds(200)).result<&Middle::pass>();
  // By its own clock, or by the word of the caller, whose time is over too.
  EXPECT_NE(how_it_ended(), Code::kOk);
}

TEST_F(NestedCall, ByAFutureEndsAtThatDeadlineToo) {
  [[maybe_unused]] const auto answer =
      client().within(std::chrono::milliseconds(200)).result<&Middle::pass_by_future>();
  // By its own clock, or by the word of the caller, whose time is over too.
  EXPECT_NE(how_it_ended(), Code::kOk);
}

TEST_F(NestedCall, IsCancelledWithTheCallThatMadeIt) {
  const auto caller = client();
  auto call = caller.async<&Middle::pass>();
  gate.waiting.wait(0);
  EXPECT_TRUE(call.cancel());
  EXPECT_EQ(how_it_ended(), Code::kCancelled);
}

TEST_F(NestedCall, IsCancelledWhenTheCallerGoesAway) {
  {
    const auto caller = client();
    auto call = caller.async<&Middle::pass>();
    gate.waiting.wait(0);
    caller.shared_channel()->close();
  }
  EXPECT_EQ(how_it_ended(), Code::kCancelled);
}

TEST(CurrentCall, LimitsNothingWithoutADeadline) {
  EXPECT_TRUE(CurrentCall::limit({}).never());
  EXPECT_FALSE(CurrentCall::gone().has_value());
  const auto soon = base::Deadline::after(std::chrono::seconds(1));
  EXPECT_EQ(CurrentCall::limit(soon).at(), soon.at());
}

}  // namespace
}  // namespace lp::courier
