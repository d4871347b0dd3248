#include "launchpad/courier/stream.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "launchpad/courier/generator.h"
#include "launchpad/courier/outflows.h"
#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

// Opens once; who waits for it is woken.
class Door {
 public:
  void open() {
    open_.store(true);
    open_.notify_all();
  }
  void wait() { open_.wait(false); }
  bool is_open() const { return open_.load(); }

 private:
  std::atomic<bool> open_{false};
};

// Says when a coroutine's frame is gone.
struct Leaving {
  explicit Leaving(Door& door) : door(door) {}
  ~Leaving() { door.open(); }
  Door& door;
};

class Fountain {
 public:
  Stream<int> count(int to) {
    for (int i = 0; i < to; ++i) {
      made.fetch_add(1);
      made.notify_all();
      co_yield i;
    }
  }
  Stream<int> endless() {
    const Leaving leaving(left);
    for (int i = 0;; ++i) {
      made.fetch_add(1);
      made.notify_all();
      co_yield i;
    }
  }
  Stream<std::string> words(const std::string& text, int times) {
    for (int i = 0; i < times; ++i) co_yield text + std::to_string(i);
  }
  Stream<Tensor> tensors(int count, int64_t size) {
    for (int i = 0; i < count; ++i) {
      Tensor tensor(DType::kFloat32, {size});
      tensor.mutable_data<float>()[0] = static_cast<float>(i);
      co_yield tensor;
    }
  }
  Stream<int> fail_after(int results) {
    for (int i = 0; i < results; ++i) co_yield i;
    throw std::out_of_range("the well is dry");
  }
  Stream<int> gated() {
    co_yield 1;
    gate.wait();
    co_yield 2;
  }
  // Results of another server's.
  Stream<int> forwarded(int to) { return other.call<&Fountain::count>(to); }
  Stream<int> forwarded_endless() { return other.call<&Fountain::endless>(); }
  // Waits in another server's method.
  Stream<int> waits_elsewhere() {
    const Leaving leaving(left);
    co_yield 1;
    co_yield gates.call<&Gate::pass>(2);
  }
  int single() { return 7; }

  std::atomic<int> made{0};
  Door left;
  Door gate;
  Client<Fountain> other;
  Client<Gate> gates;

  using courier_methods =
      Methods<&Fountain::count, &Fountain::endless, &Fountain::words, &Fountain::tensors,
              &Fountain::fail_after, &Fountain::gated, &Fountain::forwarded,
              &Fountain::forwarded_endless, &Fountain::waits_elsewhere, &Fountain::single>;
};

std::vector<int> all(Stream<int> stream) {
  std::vector<int> results;
  for (const int result : stream) results.push_back(result);
  return results;
}

std::vector<int> up_to(int end) {
  std::vector<int> numbers(static_cast<size_t>(end));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

Code code_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code;
  }
  return Code::kOk;
}

class Streams : public testing::TestWithParam<const char*> {
 protected:
  Streams() {
    serve_at(server, fountain, GetParam());
    client = Client<Fountain>::connect(server.address().str());
  }
  Fountain fountain;
  Server server;
  Client<Fountain> client;
};
INSTANTIATE_TEST_SUITE_P(Transports, Streams, testing::Values("unix", "tcp", "inproc"));

TEST(LocalStream, IsTakenWithoutAnyServer) {
  Fountain fountain;
  EXPECT_EQ(all(fountain.count(5)), up_to(5));
  EXPECT_EQ(fountain.made.load(), 5);
  Stream<int> failing = fountain.fail_after(1);
  EXPECT_EQ(failing.next(), 0);
  EXPECT_THROW(failing.next(), std::out_of_range);
  EXPECT_EQ(failing.next(), std::nullopt);
  EXPECT_EQ(Stream<int>().next(), std::nullopt);
}

TEST_P(Streams, ResultsArriveInOrderAndAll) {
  for (const int count : {0, 1, 63, 64, 65, 10'000})
    EXPECT_EQ(all(client.call<&Fountain::count>(count)), up_to(count)) << count;
}

TEST_P(Streams, ArgumentsLiveAsLongAsTheResults) {
  auto words = client.call<&Fountain::words>(std::string(1000, 'x'), 200);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(words.next(), std::string(1000, 'x') + std::to_string(i));
  EXPECT_EQ(words.next(), std::nullopt);
}

TEST_P(Streams, LargeTensorsArriveWhole) {
  auto tensors = client.call<&Fountain::tensors>(20, 1 << 20);
  for (int i = 0; i < 20; ++i) {
    const auto tensor = tensors.next();
    ASSERT_TRUE(tensor);
    EXPECT_EQ(tensor->size(), 1 << 20);
    EXPECT_EQ(tensor->data<float>()[0], static_cast<float>(i));
  }
  EXPECT_FALSE(tensors.next());
}

TEST_P(Streams, WhatTheMethodThrowsComesAfterItsResults) {
  auto stream = client.call<&Fountain::fail_after>(100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(stream.next(), i);
  for (int i = 0; i < 2; ++i) {
    try {
      stream.next();
      FAIL();
    } catch (const RemoteError& error) {
      EXPECT_EQ(error.code, Code::kOutOfRange);
      EXPECT_EQ(error.message, "the well is dry");
      EXPECT_EQ(error.remote_type, "std::out_of_range");
    }
  }
}

TEST_P(Streams, AFutureGivesOneToo) {
  auto future = client.async<&Fountain::count>(300);
  EXPECT_EQ(all(future.get()), up_to(300));
}

TEST_P(Streams, KeepTheConnectionOpen) {
  EXPECT_EQ(all(Client<Fountain>::connect(server.address().str()).call<&Fountain::count>(300)),
            up_to(300));
}

TEST_P(Streams, TheMethodWaitsForWhoTakes) {
  auto stream = client.call<&Fountain::endless>();
  EXPECT_EQ(stream.next(), 0);
  // What is on its way, what the client has, and what the method may be ahead.
  const int most = 3 * static_cast<int>(kMaxResultsAhead) + 1;
  for (int i = 1; i < 1000; ++i) {
    EXPECT_EQ(stream.next(), i);
    EXPECT_LE(fountain.made.load(), i + most);
  }
  EXPECT_FALSE(fountain.left.is_open());
}

TEST_P(Streams, DroppingOneEndsTheMethodWhereItIs) {
  {
    auto stream = client.call<&Fountain::endless>();
    EXPECT_EQ(stream.next(), 0);
  }
  fountain.left.wait();
}

TEST_P(Streams, ClosingOneEndsTheMethodAndTheResults) {
  auto stream = client.call<&Fountain::endless>();
  EXPECT_EQ(stream.next(), 0);
  stream.close();
  fountain.left.wait();
  EXPECT_EQ(stream.next(), std::nullopt);
}

TEST_P(Streams, AFutureThatIsDroppedEndsTheMethod) {
  {
    auto early = client.async<&Fountain::endless>();
    auto future = client.async<&Fountain::endless>();
    future = std::move(early);
    future.wait_for(std::chrono::seconds(20));
  }
  EXPECT_EQ(client.call<&Fountain::single>(), 7);
  // It may not have begun, or it ends.
  if (fountain.made.load() > 0) fountain.left.wait();
}

TEST_P(Streams, AFutureThatIsCancelledEndsTheMethod) {
  auto future = client.async<&Fountain::endless>();
  future.cancel();
  // It may not have begun, or it ends.
  EXPECT_EQ(client.call<&Fountain::single>(), 7);
  if (fountain.made.load() > 0) fountain.left.wait();
}

TEST_P(Streams, AClientThatGoesEndsTheMethod) {
  auto stream = client.call<&Fountain::endless>();
  EXPECT_EQ(stream.next(), 0);
  client.shared_channel()->close();
  fountain.left.wait();
  while (true) {
    const Code code = code_of([&] { stream.next(); });
    if (code == Code::kOk) continue;  // Results that were here already.
    EXPECT_EQ(code, Code::kCancelled);
    break;
  }
}

TEST_P(Streams, AServerThatStopsEndsThem) {
  auto stream = client.call<&Fountain::endless>();
  EXPECT_EQ(stream.next(), 0);
  server.stop();
  EXPECT_TRUE(fountain.left.is_open());
  while (true) {
    const Code code = code_of([&] { stream.next(); });
    if (code == Code::kOk) continue;
    EXPECT_EQ(code, Code::kUnavailable);
    break;
  }
}

TEST_P(Streams, AWaitThatWasTooLongCanBeRepeated) {
  auto stream = client.within(std::chrono::milliseconds(100)).call<&Fountain::gated>();
  EXPECT_EQ(stream.next(), 1);
  EXPECT_EQ(code_of([&] { stream.next(); }), Code::kDeadlineExceeded);
  fountain.gate.open();
  std::optional<int> next;
  while (code_of([&] { next = stream.next(); }) == Code::kDeadlineExceeded) {
  }
  EXPECT_EQ(next, 2);
  EXPECT_EQ(stream.next(), std::nullopt);
}

TEST_P(Streams, ThoseOfOneClientRunSideBySide) {
  std::vector<Stream<int>> streams;
  for (int i = 0; i < 30; ++i) streams.push_back(client.call<&Fountain::count>(200));
  for (int i = 0; i < 200; ++i) {
    for (auto& stream : streams) EXPECT_EQ(stream.next(), i);
  }
  for (auto& stream : streams) EXPECT_EQ(stream.next(), std::nullopt);
}

TEST_P(Streams, MoreThanTheLimitAreRefused) {
  std::vector<Stream<int>> streams;
  for (size_t i = 0; i < kMaxStreams; ++i) streams.push_back(client.call<&Fountain::endless>());
  EXPECT_EQ(code_of([&] { auto more = client.call<&Fountain::count>(1); }),
            Code::kResourceExhausted);
  streams.clear();
  // Closing them is told with some delay.
  while (code_of([&] { EXPECT_EQ(all(client.call<&Fountain::count>(3)), up_to(3)); }) ==
         Code::kResourceExhausted) {
  }
}

TEST_P(Streams, AThreadThatWaitsKeepsOthersOut) {
  auto stream = client.call<&Fountain::gated>();
  EXPECT_EQ(stream.next(), 1);
  std::atomic<int> refused{0};
  const auto take = [&] {
    const Code code = code_of([&] { EXPECT_EQ(stream.next(), 2); });
    if (code == Code::kOk) return;
    EXPECT_EQ(code, Code::kFailedPrecondition);
    refused.fetch_add(1);
    fountain.gate.open();
  };
  std::thread one(take);
  std::thread two(take);
  one.join();
  two.join();
  EXPECT_EQ(refused.load(), 1);
}

TEST_P(Streams, AnotherServersResultsArePassedOn) {
  Fountain front;
  front.other = client;
  Server front_server;
  serve_at(front_server, front, GetParam());
  const auto at_front = Client<Fountain>::connect(front_server.address().str());
  EXPECT_EQ(all(at_front.call<&Fountain::forwarded>(1000)), up_to(1000));
  {
    auto stream = at_front.call<&Fountain::forwarded_endless>();
    EXPECT_EQ(stream.next(), 0);
  }
  fountain.left.wait();
}

TEST_P(Streams, ACallOfTheMethodsEndsWithTheStream) {
  Gate gate;
  Server gate_server;
  serve_at(gate_server, gate, GetParam());
  fountain.gates = Client<Gate>::connect(gate_server.address().str());
  {
    auto stream = client.call<&Fountain::waits_elsewhere>();
    EXPECT_EQ(stream.next(), 1);
    gate.waiting.wait(0);
  }
  fountain.left.wait();
  gate.unlock();
}

TEST_P(Streams, AreToldFromSingleValues) {
  EXPECT_EQ(code_of([&] { client.call_named<int>("count", 3); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([&] { auto none = client.call_named<Stream<int>>("single"); }),
            Code::kInvalidArgument);
  // The method that nobody took from has ended.
  EXPECT_EQ(client.call<&Fountain::single>(), 7);
}

TEST_P(Streams, AnAskForNoStreamFails) {
  EXPECT_EQ(code_of([&] { client.call_named<int>(kNextResults, 12345); }), Code::kUnavailable);
  EXPECT_EQ(code_of([&] { client.call_named<int>(kNextResults, "x"); }), Code::kUnavailable);
}

}  // namespace
}  // namespace lp::courier
