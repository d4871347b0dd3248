// Methods with priority: they run although the server is busy with others.
#include <gtest/gtest.h>

#include <thread>

#include "launchpad/courier/backlog.h"
#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

// A gate that answers how many wait, however many that are.
class PriorityGate : public Gate {
 public:
  int count() { return waiting.load(); }
  // Waits, too, behind the same gate.
  int linger() {
    lingering.fetch_add(1);
    lingering.notify_all();
    open.wait(false);
    return 1;
  }
  std::atomic<int> lingering{0};
  using courier_methods =
      Methods<&PriorityGate::pass, priority<&PriorityGate::count>(),
              priority<&PriorityGate::linger>(), priority<&PriorityGate::unlock>()>;
};

void wait_until(std::atomic<int>& counter, int value) {
  for (int seen = counter.load(); seen < value; seen = counter.load()) counter.wait(seen);
}

TEST(Priority, AMethodRunsAlthoughTheOnlyThreadIsBlocked) {
  PriorityGate gate;
  Server server({.threads = 1});
  serve_at(server, gate);
  const auto client = Client<PriorityGate>::connect(server.address().str());
  auto blocked = client.async<&PriorityGate::pass>(7);
  wait_until(gate.waiting, 1);
  auto queued = client.async<&PriorityGate::pass>(8);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.call<&PriorityGate::count>(), 1);
  client.call<&PriorityGate::unlock>();
  EXPECT_EQ(blocked.get(), 7);
  EXPECT_EQ(queued.get(), 8);
}

TEST(Priority, AServerThatHasSuchMethodsSaysThatItIsHealthyAlthoughItIsBusy) {
  PriorityGate gate;
  Server server({.threads = 1});
  serve_at(server, gate);
  const auto client = Client<PriorityGate>::connect(server.address().str());
  auto blocked = client.async<&PriorityGate::pass>(7);
  wait_until(gate.waiting, 1);
  EXPECT_TRUE(client.healthy(std::chrono::seconds(20)));
  gate.unlock();
  EXPECT_EQ(blocked.get(), 7);
}

TEST(Priority, OtherCallsStillRunNoMoreAtATimeThanThereAreThreads) {
  PriorityGate gate;
  Server server({.threads = 3});
  serve_at(server, gate);
  std::vector<Client<PriorityGate>> clients;
  std::vector<Future<int>> futures;
  for (int c = 0; c < 4; ++c) {
    clients.push_back(Client<PriorityGate>::connect(server.address().str()));
    for (int i = 0; i < 3; ++i) futures.push_back(clients.back().async<&PriorityGate::pass>(i));
  }
  wait_until(gate.waiting, 3);
  // A thread that has nothing to do would have taken another one before it answers.
  for (int i = 0; i < 100; ++i) EXPECT_EQ(clients[0].call<&PriorityGate::count>(), 3);
  gate.unlock();
  for (size_t i = 0; i < futures.size(); ++i) EXPECT_EQ(futures[i].get(), static_cast<int>(i % 3));
}

TEST(Priority, AsManyRunAtATimeAsThereAreThreadsWhateverTheOthersDo) {
  PriorityGate gate;
  Server server({.threads = 2});
  serve_at(server, gate);
  const auto client = Client<PriorityGate>::connect(server.address().str());
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(client.async<&PriorityGate::pass>(1));
  wait_until(gate.waiting, 2);
  for (int i = 0; i < 2; ++i) futures.push_back(client.async<&PriorityGate::linger>());
  wait_until(gate.lingering, 2);
  gate.unlock();
  for (auto& future : futures) EXPECT_EQ(future.get(), 1);
}

TEST(Priority, MethodsThatLingerDoNotKeepTheOthersFromRunning) {
  PriorityGate gate;
  Server server({.threads = 1});
  serve_at(server, gate);
  const auto client = Client<PriorityGate>::connect(server.address().str());
  auto lingering = client.async<&PriorityGate::linger>();
  wait_until(gate.lingering, 1);
  auto other = client.async<&PriorityGate::pass>(1);
  wait_until(gate.waiting, 1);
  gate.unlock();
  EXPECT_EQ(lingering.get() + other.get(), 2);
}

TEST(Priority, AFullQueueDoesNotKeepOutAClientThatHasNoCallInIt) {
  PriorityGate gate;
  Server server({.threads = 1, .max_queued_calls = 4});
  serve_at(server, gate);
  const auto busy = Client<PriorityGate>::connect(server.address().str());
  const auto other = Client<PriorityGate>::connect(server.address().str(), {.compress = true});
  std::vector<Future<int>> futures;
  // Fewer than fill the connection, too, of which the server need not read more than a few: who is
  // pushed back waits, and then nobody would unlock.
  constexpr int kCalls = 400;
  for (int i = 0; i < kCalls; ++i) futures.push_back(busy.async<&PriorityGate::pass>(i));
  wait_until(gate.waiting, 1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(other.call<&PriorityGate::count>(), 1);
  gate.unlock();
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(futures[static_cast<size_t>(i)].get(), i);
}

TEST(Priority, AMethodThatIsBoundWhileAllThreadsAreBlockedRunsAtOnce) {
  Gate gate;
  Server server({.threads = 2});
  serve_at(server, gate);
  const auto client = Client<Gate>::connect(server.address().str());
  std::vector<Future<int>> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(client.async<&Gate::pass>(i));
  wait_until(gate.waiting, 2);
  ASSERT_TRUE(server.router()
                  .bind(
                      "knock", [](Call call) { call.reply(encode_arguments(std::tuple(5))); }, true)
                  .ok());
  const auto channel = make_shared_channel(server.address(), {});
  const auto answer = channel->call("knock", encode_arguments(std::tuple()), {});
  EXPECT_EQ(decode_answer<std::vector<int>>(answer, "knock").value(), std::vector<int>{5});
  gate.unlock();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(futures[static_cast<size_t>(i)].get(), i);
}

// Batches run on threads of their own; what may be missing is one that reads.
class Batched : public PriorityGate {
 public:
  std::vector<int> twice(std::vector<int> values) {
    for (int& value : values) value *= 2;
    return values;
  }
  using courier_methods =
      Methods<&Batched::pass, batched<&Batched::twice>({.size = 2, .priority = true})>;
};

TEST(Priority, ABatchedMethodMayHaveIt) {
  Batched object;
  Server server({.threads = 1});
  serve_at(server, object);
  const auto client = Client<Batched>::connect(server.address().str());
  auto blocked = client.async<&Batched::pass>(1);
  wait_until(object.waiting, 1);
  auto one = client.async<&Batched::twice>(1);
  EXPECT_EQ(client.call<&Batched::twice>(2), 4);
  EXPECT_EQ(one.get(), 2);
  object.unlock();
  EXPECT_EQ(blocked.get(), 1);
}

TEST(Priority, AllCallsEndUnderLoadOfBothKinds) {
  class Both : public Desk {
   public:
    int plus(int a, int b) { return a + b; }
    using courier_methods = Methods<&Both::add, priority<&Both::plus>()>;
  };
  Both desk;
  Server server({.threads = 2, .max_queued_calls = 8});
  serve_at(server, desk);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const auto client = Client<Both>::connect(server.address().str());
      std::vector<Future<int>> futures;
      for (int i = 0; i < 2000; ++i) {
        futures.push_back(client.async<&Both::add>(i, 1));
        futures.push_back(client.async<&Both::plus>(i, 1));
      }
      for (int i = 0; i < 4000; ++i) right += futures[static_cast<size_t>(i)].get() == i / 2 + 1;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right.load(), 4 * 4000);
}

}  // namespace
}  // namespace lp::courier
