#include "launchpad/courier/client.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <thread>

#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

// Client and Server over each transport.
class CourierContract : public testing::TestWithParam<std::string> {
 protected:
  template <class T>
  Client<T> serve_at(Server& server, T& object) {
    courier::serve_at(server, object, GetParam());
    return Client<T>::connect(server.address().str());
  }
};

// Counts its copies.
struct Counted {
  Counted() = default;
  Counted(const Counted& other) : value(other.value) { copies.fetch_add(1); }
  Counted& operator=(const Counted&) = default;
  static inline std::atomic<int> copies{0};
  int value = 0;
  LP_FIELDS(value);
};
class Counter {
 public:
  int value_of(const Counted& counted) { return counted.value; }
  using courier_methods = Methods<&Counter::value_of>;
};

TEST(Client, EncodesItsCallersArgumentsAndNoCopies) {
  Counted counted;
  counted.value = 3;
  const wire::Payload expected = Client<Counter>::encode<&Counter::value_of>(counted);
  EXPECT_EQ(Counted::copies.load(), 0);
  const auto nobody = Client<Counter>::connect("localhost:1").within(base::Nanos(1));
  EXPECT_THROW(nobody.call_named<int>("value_of", counted), Error);
  EXPECT_EQ(Client<Counter>::encode<&Counter::value_of>(std::move(counted)).body, expected.body);
  EXPECT_EQ(Counted::copies.load(), 0);
}

TEST_P(CourierContract, ACallGivesItsResult) {
  Desk desk;
  Server server;
  const auto client = serve_at(server, desk);
  EXPECT_EQ(client.call<&Desk::add>(2, 3), 5);
  EXPECT_EQ(client.call<&Desk::echo>("hello"), "hello");
  const Point moved = client.call<&Desk::move>(Point{1, 2.5}, 10);
  EXPECT_EQ(moved.x, 11);
  EXPECT_EQ(moved.y, 12.5);
}

// Each blocks its callers until it is opened.
class Doors {
 public:
  int pass(int number) {
    Door& door = doors.at(static_cast<size_t>(number));
    door.reached.store(true);
    door.reached.notify_all();
    door.open.wait(false);
    return number;
  }
  int knock() { return 1; }
  void open(size_t number) {
    doors.at(number).open.store(true);
    doors.at(number).open.notify_all();
  }
  struct Door {
    std::atomic<bool> reached{false};
    std::atomic<bool> open{false};
  };
  std::array<Door, 2> doors;
  using courier_methods = Methods<&Doors::pass, &Doors::knock>;
};

TEST_P(CourierContract, AnAnswerDoesNotWaitForTheCallBehindItThoughTheServerHasOneThread) {
  Doors doors;
  Server server({.threads = 1});
  const auto client = serve_at(server, doors);
  auto first = client.async<&Doors::pass>(0);
  doors.doors[0].reached.wait(false);
  // These three are read together, once the first has passed.
  auto knock = client.async<&Doors::knock>();
  auto second = client.async<&Doors::pass>(1);
  auto last = client.async<&Doors::knock>();
  EXPECT_FALSE(last.ready());
  doors.open(0);
  EXPECT_TRUE(knock.wait_for(std::chrono::seconds(20)));
  EXPECT_FALSE(second.ready());
  doors.open(1);
  EXPECT_EQ(first.get(), 0);
  EXPECT_EQ(second.get(), 1);
  EXPECT_EQ(last.get(), 1);
}

TEST_P(CourierContract, ArraysOfEverySizeComeBackEqual) {
  Desk desk;
  Server server;
  const auto client = serve_at(server, desk);
  for (const int64_t size : {0, 1, 1000, 100'000, 5'000'000}) {
    std::vector<float> values(static_cast<size_t>(size));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    const Tensor back = client.call<&Desk::mirror>(Tensor::of(values));
    const auto data = back.data<float>();
    EXPECT_TRUE(std::equal(data.begin(), data.end(), values.begin(), values.end())) << size;
  }
}

TEST_P(CourierContract, AnExceptionArrivesWithItsTypeAndMessage) {
  Desk desk;
  Server server;
  const auto client = serve_at(server, desk);
  try {
    client.call<&Desk::fail>("too tall");
    FAIL();
  } catch (const RemoteError& error) {
    EXPECT_EQ(error.remote_type, "std::invalid_argument");
    EXPECT_EQ(error.code, Code::kInvalidArgument);
    EXPECT_NE(error.message.find("too tall"), std::string::npos);
  }
}

TEST_P(CourierContract, ThousandsOfFuturesAreAllAnsweredInAnyOrder) {
  Desk desk;
  Server server;
  const auto client = serve_at(server, desk);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20'000; ++i) futures.push_back(client.async<&Desk::add>(i, 1));
  for (int i = 19'999; i >= 0; --i) ASSERT_EQ(futures[static_cast<size_t>(i)].get(), i + 1);
}

TEST_P(CourierContract, ManyThreadsShareOneClient) {
  Desk desk;
  Server server;
  const auto client = serve_at(server, desk);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) right += client.call<&Desk::add>(t, i) == t + i;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right.load(), 8 * 500);
}

TEST_P(CourierContract, ABlockedCallDoesNotHoldUpThoseReadWithIt) {
  Gate gate;
  Server server;
  const auto client = serve_at(server, gate);
  auto blocked = client.async<&Gate::pass>(1);
  auto second = client.async<&Gate::pass>(2);
  auto unlock = client.async<&Gate::unlock>();
  unlock.get();
  EXPECT_EQ(blocked.get(), 1);
  EXPECT_EQ(second.get(), 2);
}

TEST_P(CourierContract, ADeadlineEndsTheWait) {
  Gate gate;
  Server server;
  const auto client = serve_at(server, gate);
  const auto answer = client.within(std::chrono::milliseconds(20)).result<&Gate::pass>(1);
  EXPECT_EQ(answer.error().code, Code::kDeadlineExceeded);
  client.call<&Gate::unlock>();
}

TEST_P(CourierContract, CallsInFlightFailAsUnavailableOnceTheServerStops) {
  Gate gate;
  auto server = std::make_unique<Server>();
  const auto client = serve_at(*server, gate);
  auto blocked = client.async<&Gate::pass>(1);
  gate.waiting.wait(0);
  server->stop(base::Deadline::after(std::chrono::milliseconds(1)));
  EXPECT_EQ(blocked.result().error().code, Code::kUnavailable);
  gate.unlock();
}

TEST_P(CourierContract, CancelTellsTheCallerAndTheServer) {
  Gate gate;
  Server server;
  const auto client = serve_at(server, gate);
  auto blocked = client.async<&Gate::pass>(1);
  gate.waiting.wait(0);
  EXPECT_TRUE(blocked.cancel());
  EXPECT_EQ(blocked.result().error().code, Code::kCancelled);
  client.call<&Gate::unlock>();
}

TEST_P(CourierContract, AnUnknownMethodNamesTheKnownOnes) {
  Desk desk;
  Server server;
  serve_at(server, desk);
  const auto gate = Client<Gate>::connect(server.address().str());
  const auto answer = gate.result<&Gate::knock>();
  EXPECT_EQ(answer.error().code, Code::kNotFound);
  EXPECT_NE(answer.error().message.find("add, echo"), std::string::npos) << answer.error().message;
}

TEST_P(CourierContract, CallbacksComeWithoutAWaiter) {
  Desk desk;
  Server server;
  const auto client = serve_at(server, desk);
  const auto channel = make_shared_channel(server.address(), {});
  std::promise<int> sum;
  const auto started = channel->start(
      "add", encode_arguments(std::tuple(4, 5)), {},
      [&](Answer answer) { sum.set_value(decode_answer<int>(std::move(answer), "add").value()); });
  ASSERT_TRUE(started.ok());
  EXPECT_EQ(sum.get_future().get(), 9);
}

TEST_P(CourierContract, AClientThatCompressesGetsTheSameAnswers) {
  Desk desk;
  Server server;
  courier::serve_at(server, desk, GetParam());
  const auto client = Client<Desk>::connect(server.address().str(), {.compress = true});
  const std::string text(1 << 20, 'x');
  EXPECT_EQ(client.call<&Desk::echo>(text), text);
  EXPECT_EQ(client.async<&Desk::echo>(text).get(), text);
  const std::vector<float> values(1 << 20, 3.5f);
  const Tensor back = client.call<&Desk::mirror>(Tensor::of(values));
  EXPECT_EQ(back.data<float>()[values.size() - 1], 3.5f);
  EXPECT_EQ(client.call<&Desk::add>(2, 3), 5);
}

INSTANTIATE_TEST_SUITE_P(Transports, CourierContract, testing::Values("unix", "tcp", "inproc"),
                         [](const auto& info) { return info.param; });

TEST(Client, WaitsForAServerThatIsNotUpYet) {
  const auto address = net::Address::parse(fresh_address("unix")).value();
  auto early = std::async(std::launch::async, [&] {
    return Client<Desk>::connect(address.str()).call<&Desk::add>(1, 2);
  });
  Desk desk;
  Server server;
  serve(server.router(), desk);
  ASSERT_TRUE(server.start(net::listen(address).value()).ok());
  EXPECT_EQ(early.get(), 3);
}

TEST(Client, ReportsAnAbsentServerAtOnceIfItShallNotWait) {
  const auto client = Client<Desk>::connect(fresh_address("unix"), {.wait_for_ready = false});
  EXPECT_EQ(client.result<&Desk::add>(1, 2).error().code, Code::kUnavailable);
}

TEST(Client, ReconnectsToAServerThatCameBack) {
  const auto address = net::Address::parse(fresh_address("unix")).value();
  Desk desk;
  auto server = std::make_unique<Server>();
  serve(server->router(), desk);
  ASSERT_TRUE(server->start(net::listen(address).value()).ok());
  const auto client = Client<Desk>::connect(address.str());
  EXPECT_EQ(client.call<&Desk::add>(1, 2), 3);
  server = std::make_unique<Server>();
  serve(server->router(), desk);
  ASSERT_TRUE(server->start(net::listen(address).value()).ok());
  while (client.result<&Desk::add>(1, 2).ok() == false) {
  }
  EXPECT_EQ(client.call<&Desk::add>(2, 2), 4);
}

}  // namespace
}  // namespace lp::courier
