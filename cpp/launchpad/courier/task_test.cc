#include "launchpad/courier/task.h"

#include <gtest/gtest.h>

#include "launchpad/courier/gather.h"
#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

class Served : public testing::Test {
 protected:
  Served() {
    serve_at(server, desk);
    serve_at(gate_server, gate);
    client = Client<Desk>::connect(server.address().str());
    gate_client = Client<Gate>::connect(gate_server.address().str());
  }
  Desk desk;
  Gate gate;
  Server server;
  Server gate_server;
  Client<Desk> client;
  Client<Gate> gate_client;
};

Task<int> sum(Client<Desk> client, int count) {
  int total = 0;
  for (int i = 0; i < count; ++i) total = co_await client.async<&Desk::add>(total, i);
  co_return total;
}

Task<int> sum_of_sums(Client<Desk> client) {
  const int first = co_await sum(client, 10);
  co_return first + co_await sum(client, 5);
}

Task<> fail(Client<Desk> client) { co_await client.async<&Desk::fail>("on purpose"); }

Task<std::string> notice(Client<Desk> client) {
  try {
    co_await fail(client);
  } catch (const RemoteError& error) {
    co_return error.message;
  }
  co_return "nothing";
}

TEST_F(Served, AwaitingACallGivesItsResult) {
  EXPECT_EQ(start_task(sum(client, 1000)).get(), 999 * 1000 / 2);
  EXPECT_EQ(start_task(sum_of_sums(client)).get(), 45 + 10);
}

TEST_F(Served, AnAwaitedCallThrowsWhatItsMethodThrew) {
  EXPECT_EQ(start_task(notice(client)).get(), "on purpose");
  EXPECT_THROW(start_task(fail(client)).get(), RemoteError);
}

Task<int> pass(Client<Gate> client, int value) {
  co_return co_await client.async<&Gate::pass>(value);
}

TEST_F(Served, ManyTasksWaitWithoutAThreadEach) {
  const auto address = net::Address::parse(fresh_address("unix")).value();
  const auto early = Client<Desk>::connect(address.str());
  std::vector<std::future<int>> results;
  for (int i = 0; i < 2000; ++i) results.push_back(start_task(sum(early, 3)));
  Server late;
  serve(late.router(), desk);
  ASSERT_TRUE(late.start(net::listen(address).value()).ok());
  for (auto& result : results) EXPECT_EQ(result.get(), 3);
}

TEST_F(Served, AnAwaitedCallKeepsItsDeadline) {
  const auto hurried = gate_client.within(std::chrono::milliseconds(20));
  try {
    start_task(pass(hurried, 1)).get();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::kDeadlineExceeded);
  }
  gate.unlock();
}

TEST_F(Served, ATaskThatIsNeverBegunIsDropped) { [[maybe_unused]] auto task = sum(client, 3); }

TEST_F(Served, GatherGivesResultsInOrder) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(client.async<&Desk::add>(i, i));
  const auto sums = gather(std::move(futures));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(sums[static_cast<size_t>(i)], 2 * i);
}

TEST_F(Served, GatherNamesTheServerThatFailed) {
  std::vector<Future<void>> futures;
  futures.push_back(client.async<&Desk::fail>("on purpose"));
  try {
    gather(std::move(futures));
    FAIL();
  } catch (const RemoteError& error) {
    EXPECT_NE(error.message.find("call 1 of 1, to the server at"), std::string::npos);
    EXPECT_NE(error.message.find("on purpose"), std::string::npos);
  }
}

TEST_F(Served, GatherEndsAtItsTimeout) {
  std::vector<Future<int>> futures;
  futures.push_back(gate_client.async<&Gate::pass>(1));
  futures.push_back(gate_client.async<&Gate::knock>());
  while (!futures[1].ready()) {
  }
  const auto results = gather_results(std::move(futures), std::chrono::milliseconds(50));
  EXPECT_EQ(results[0].error().code, Code::kDeadlineExceeded);
  EXPECT_TRUE(results[1].ok());
  gate.unlock();
}

TEST_F(Served, BroadcastCallsEachServerWithTheSameArguments) {
  Desk other;
  Server second;
  serve_at(second, other);
  const std::vector clients{client, Client<Desk>::connect(second.address().str())};
  const auto big = Tensor::of(std::vector<float>(100'000, 1.5f));
  for (const Tensor& back : gather(broadcast<&Desk::mirror>(clients, big)))
    EXPECT_EQ(back.size(), 100'000);
}

}  // namespace
}  // namespace lp::courier
