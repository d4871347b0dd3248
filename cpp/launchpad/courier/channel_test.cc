#include "launchpad/courier/channel.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "launchpad/courier/link.h"
#include "launchpad/courier/test_objects.h"

namespace lp::courier {
namespace {

// Remembers what it was told, in order.
class Notebook {
 public:
  int note(int value) {
    const std::lock_guard lock(mutex);
    notes.push_back(value);
    return value;
  }
  std::vector<int> all() {
    const std::lock_guard lock(mutex);
    return notes;
  }
  std::mutex mutex;
  std::vector<int> notes;
  using courier_methods = Methods<&Notebook::note, &Notebook::all>;
};

// An address that a server can be started at again: of "tcp" a port that is free now.
net::Address lasting_address(const std::string& kind) {
  auto address = net::Address::parse(fresh_address(kind)).value();
  if (kind == "tcp") address = net::listen(address).value()->address();
  return address;
}

template <class T>
std::unique_ptr<Server> serve_here(T& object, const net::Address& address, int threads = 16) {
  auto server = std::make_unique<Server>(ServerOptions{.threads = threads});
  serve(server->router(), object);
  server->start(net::listen(address).value()).value_or_throw();
  return server;
}

// Each transport.
class ChannelContract : public testing::TestWithParam<std::string> {
 protected:
  const net::Address address = lasting_address(GetParam());
  const Client<Notebook> client = Client<Notebook>::connect(address.str());
};

TEST_P(ChannelContract, CallsToAnAbsentServerWaitForItWithoutTheirCaller) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(client.async<&Notebook::note>(i));
  EXPECT_FALSE(futures.front().ready());
  Notebook notebook;
  const auto server = serve_here(notebook, address, 1);
  // A later call cannot overtake them.
  EXPECT_EQ(client.call<&Notebook::note>(1000), 1000);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(futures[static_cast<size_t>(i)].get(), i);
  std::vector<int> expected(1001);
  for (int i = 0; i <= 1000; ++i) expected[static_cast<size_t>(i)] = i;
  EXPECT_EQ(notebook.all(), expected);
}

TEST_P(ChannelContract, AnIdleClientMeetsTheNextServerWithItsNextCall) {
  Notebook notebook;
  for (int i = 0; i < 20; ++i) {
    const auto server = serve_here(notebook, address);
    EXPECT_EQ(client.call<&Notebook::note>(i), i);
    EXPECT_EQ(client.call<&Notebook::note>(i), i);
  }
  EXPECT_EQ(notebook.all().size(), 40u);
}

// Whoever serves at the shortest way now; each server here answers with its own notes.
TEST(Channel, TakesTheShortestWayThatIsThereEachTimeItConnects) {
  const auto far = lasting_address("tcp");
  const auto near = lasting_address("inproc");
  ChannelOptions options{.nearer = {lasting_address("unix"), near}};
  const auto client = Client<Notebook>::connect(far.str(), options);
  Notebook farther;
  Notebook nearer;
  for (int i = 0; i < 5; ++i) {
    const auto at_far = serve_here(farther, far);
    EXPECT_EQ(client.call<&Notebook::note>(i), i);
    auto at_near = serve_here(nearer, near);
    at_far->stop();
    EXPECT_EQ(client.call<&Notebook::note>(10 + i), 10 + i);
  }
  EXPECT_EQ(farther.all(), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(nearer.all(), (std::vector<int>{10, 11, 12, 13, 14}));
}

TEST_P(ChannelContract, TellsAServerThatStoppedFromOneThatIsNotThereYet) {
  ChannelOptions options{.wait_for_ready = false};
  const auto impatient = Client<Notebook>::connect(address.str(), options);
  const auto& channel = *impatient.shared_channel();
  EXPECT_EQ(impatient.result<&Notebook::note>(1).error().code, Code::kUnavailable);
  EXPECT_FALSE(channel.stopped());
  Notebook notebook;
  for (int i = 0; i < 3; ++i) {
    {
      const auto server = serve_here(notebook, address);
      EXPECT_EQ(impatient.call<&Notebook::note>(i), i);
      EXPECT_FALSE(channel.stopped());
    }
    EXPECT_EQ(impatient.result<&Notebook::note>(1).error().code, Code::kUnavailable);
    EXPECT_EQ(impatient.result<&Notebook::note>(1).error().code, Code::kUnavailable);
    EXPECT_TRUE(channel.stopped());
  }
}

TEST_P(ChannelContract, AnIdleClientMeetsTheNextServerWithItsNextFutures) {
  Notebook notebook;
  for (int i = 0; i < 20; ++i) {
    const auto server = serve_here(notebook, address);
    std::vector<Future<int>> futures;
    for (int k = 0; k < 10; ++k) futures.push_back(client.async<&Notebook::note>(k));
    for (int k = 0; k < 10; ++k) EXPECT_EQ(futures[static_cast<size_t>(k)].get(), k);
  }
  EXPECT_EQ(notebook.all().size(), 200u);
}

// A server's end of one connection, made by hand: it reads the greeting and answers with a frame, a
// welcome if none is named.
class Greeter {
 public:
  explicit Greeter(net::Listener& listener, wire::FrameType type = wire::FrameType::kWelcome,
                   const wire::Payload& payload = encode_peer(Peer{}))
      : link_(take_one(listener), {}) {
    read(1);
    Outbox out;
    out.append(type, 0, 0, {}, payload);
    out.flush(link_.socket());
  }
  // Until so many frames came, with the greeting.
  const std::vector<wire::Frame>& read(size_t count) {
    bool writable = false;
    while (frames_.size() < count) link_.read_frames(frames_, writable, {});
    return frames_;
  }
  // Each call that was read, with nothing.
  void answer_all() {
    Outbox out;
    for (const wire::Frame& frame : frames_) {
      if (frame.type != wire::FrameType::kCall) continue;
      out.append(wire::FrameType::kReply, frame.id, 0, {}, {});
    }
    out.flush(link_.socket());
  }

 private:
  static net::Socket take_one(net::Listener& listener) {
    std::optional<net::Socket> socket;
    while (!socket) socket = listener.accept().value();
    return std::move(*socket);
  }

  Link link_;
  std::vector<wire::Frame> frames_;
};

// Takes one connection, welcomes it, reads a call, and ends the connection.
void read_a_call_and_leave(net::Listener& listener) {
  Greeter greeter(listener);
  EXPECT_EQ(greeter.read(2).back().type, wire::FrameType::kCall);
}

TEST_P(ChannelContract, ACallThatAServerMayHaveSeenIsNeverSentAgain) {
  auto listener = net::listen(address).value();
  std::thread reader([&] { read_a_call_and_leave(*listener); });
  const auto answer = client.result<&Notebook::note>(1);
  reader.join();
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  listener.reset();
  Notebook notebook;
  const auto server = serve_here(notebook, address);
  EXPECT_EQ(client.call<&Notebook::note>(2), 2);
  EXPECT_EQ(notebook.all(), std::vector{2});
}

TEST_P(ChannelContract, ACallbackWhoseCallIsPushedBackKeepsNoAnswerFromAnother) {
  auto listener = net::listen(address).value();
  std::promise<void> heard_all;
  std::thread server([&] {
    Greeter greeter(*listener);
    greeter.read(3);
    greeter.answer_all();
    heard_all.get_future().wait();  // It takes no more,
    greeter.read(4);                // and then all, though nobody waits for the call's answer.
  });
  const auto channel = client.shared_channel();
  std::promise<void> other_heard;
  const auto call_on = [&](const Answer&) {
    const auto large = encode_arguments(std::tuple(std::string(32 << 20, 'x')));
    EXPECT_TRUE(channel->start("note", large, {}).ok());
  };
  const auto arguments = encode_arguments(std::tuple(1));
  channel->start("note", arguments, {}, call_on).value();
  channel->start("note", arguments, {}, [&](const Answer&) { other_heard.set_value(); }).value();
  EXPECT_EQ(other_heard.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  heard_all.set_value();
  server.join();
}

// A call that is too large for a server that reads nothing meanwhile, which its caller gives up.
void call_in_vain(Channel& channel) {
  const auto large = encode_arguments(std::tuple(std::string(8 << 20, 'x')));
  const auto answer =
      channel.call("note", large, base::Deadline::after(std::chrono::milliseconds(100)));
  EXPECT_EQ(answer.error().code, Code::kDeadlineExceeded);
}

TEST_P(ChannelContract, TheRestOfAMessageFollowsThoughItsCallerGaveUp) {
  auto listener = net::listen(address).value();
  std::promise<void> gave_up;
  std::thread server([&] {
    Greeter greeter(*listener);
    gave_up.get_future().wait();
    EXPECT_EQ(greeter.read(2)[1].type, wire::FrameType::kCall);  // Behind it, that it was given up.
  });
  call_in_vain(*client.shared_channel());
  gave_up.set_value();
  server.join();
}

TEST_P(ChannelContract, TheRestOfAMessageFollowsThoughTheThreadOfCallbacksHasNothingToWaitFor) {
  auto listener = net::listen(address).value();
  std::promise<void> gave_up;
  std::thread server([&] {
    Greeter greeter(*listener);
    greeter.read(2);
    greeter.answer_all();
    gave_up.get_future().wait();
    EXPECT_EQ(greeter.read(3)[2].type, wire::FrameType::kCall);
  });
  const auto channel = client.shared_channel();
  std::promise<void> heard;
  channel
      ->start("note", encode_arguments(std::tuple(1)), {},
              [&](const Answer&) { heard.set_value(); })
      .value();
  heard.get_future().wait();
  call_in_vain(*channel);
  gave_up.set_value();
  server.join();
}

// Takes one connection, and says in place of a welcome that it stops.
void leave_at_once(net::Listener& listener) { Greeter(listener, wire::FrameType::kBye, {}); }

TEST_P(ChannelContract, ACallToAServerThatStopsBeforeItGreetsGoesToTheNextOne) {
  auto listener = net::listen(address).value();
  std::thread leaving([&] { leave_at_once(*listener); });
  auto answer = client.async<&Notebook::note>(1);
  leaving.join();
  listener.reset();
  Notebook notebook;
  const auto server = serve_here(notebook, address);
  EXPECT_EQ(answer.get(), 1);
}

// Its thread is elsewhere when the connection breaks, and comes back when there is the next one.
TEST_P(ChannelContract, ACallThatNothingWasSentOfGoesToTheServerThatAnotherThreadFound) {
  auto listener = net::listen(address).value();
  std::promise<void> leave, went_away, come_back;
  std::thread server([&] {
    const Greeter greeter(*listener);
    leave.get_future().wait();
  });
  static thread_local bool goes_away = false;
  const auto channel = make_shared_channel(address, {.interrupted = [&] {
                                             if (!std::exchange(goes_away, false)) return false;
                                             went_away.set_value();
                                             come_back.get_future().wait();
                                             return false;
                                           }});
  std::thread first([&] {
    const auto large = encode_arguments(std::tuple(std::string(8 << 20, 'x')));
    EXPECT_EQ(channel->call("note", large, {}).error().code, Code::kUnavailable);
  });
  while (channel->calls() == 0) std::this_thread::yield();
  std::thread second([&] {
    goes_away = true;
    const auto call = channel->start("note", encode_arguments(std::tuple(7)), {}).value();
    EXPECT_EQ(decode_answer<int>(channel->wait(call), "note").value(), 7);
  });
  went_away.get_future().wait();
  leave.set_value();
  first.join();
  server.join();
  listener.reset();
  Notebook notebook;
  const auto next = serve_here(notebook, address);
  EXPECT_TRUE(channel->call("note", encode_arguments(std::tuple(1)), {}).ok());
  come_back.set_value();
  second.join();
}

INSTANTIATE_TEST_SUITE_P(Transports, ChannelContract, testing::Values("unix", "tcp", "inproc"),
                         [](const auto& info) { return info.param; });

// A channel to nobody.
class Unconnected : public testing::Test {
 protected:
  Result<std::shared_ptr<Pending>> start(base::Deadline deadline = {},
                                         Callback callback = nullptr) {
    return channel->start("note", encode_arguments(std::tuple(1)), deadline, std::move(callback));
  }
  const net::Address address = lasting_address("unix");
  const std::shared_ptr<Channel> channel = make_shared_channel(address, {.max_pending = 2});
};

TEST_F(Unconnected, ACallEndsAtItsDeadline) {
  const auto soon = base::Deadline::after(std::chrono::milliseconds(20));
  EXPECT_EQ(channel->wait(start(soon).value()).error().code, Code::kDeadlineExceeded);
  std::promise<Answer> answer;
  ASSERT_TRUE(start(base::Deadline::after(std::chrono::milliseconds(20)), [&](Answer a) {
                answer.set_value(std::move(a));
              }).ok());
  EXPECT_EQ(answer.get_future().get().error().code, Code::kDeadlineExceeded);
}

TEST_F(Unconnected, ACancelledCallIsNeverSent) {
  const auto first = start().value();
  const auto second = start().value();
  EXPECT_TRUE(channel->cancel(first));
  EXPECT_EQ(channel->wait(first).error().code, Code::kCancelled);
  Notebook notebook;
  const auto server = serve_here(notebook, address);
  EXPECT_TRUE(channel->wait(second).ok());
  EXPECT_EQ(notebook.all().size(), 1u);
}

TEST_F(Unconnected, WaitingCallsCountAsPending) {
  auto first = start();
  auto second = start();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(start().error().code, Code::kResourceExhausted);
  EXPECT_TRUE(channel->cancel(first.value()));
  EXPECT_TRUE(start().ok());
}

TEST_F(Unconnected, ClosingEndsWaitingCalls) {
  const auto call = start().value();
  channel->close();
  EXPECT_EQ(channel->wait(call).error().code, Code::kCancelled);
  EXPECT_EQ(start().error().code, Code::kCancelled);
}

TEST_F(Unconnected, ServersThatCannotComeFailEachCallAtOnce) {
  for (const ChannelOptions& options :
       {ChannelOptions{.wait_for_ready = false}, ChannelOptions{.prebound = true}}) {
    const auto impatient = make_shared_channel(address, options);
    for (int i = 0; i < 3; ++i) {
      const auto call = impatient->start("note", encode_arguments(std::tuple(1)), {});
      EXPECT_EQ(impatient->wait(call.value()).error().code, Code::kUnavailable);
    }
  }
}

TEST_F(Unconnected, AServerOfTypedValuesGetsThemInsteadOfAPickle) {
  wire::Payload pickle = encode_arguments(std::tuple(1));
  pickle.encoding = wire::Encoding::kPickle;
  const auto good = channel->start("note", pickle, {}, nullptr,
                                   [] { return Answer(encode_arguments(std::tuple(7))); });
  const auto bad = channel->start("note", pickle, {}, nullptr,
                                  [] { return Answer(Error(Code::kInvalidArgument, "a set")); });
  Notebook notebook;
  const auto server = serve_here(notebook, address);
  EXPECT_TRUE(channel->wait(good.value()).ok());
  EXPECT_EQ(channel->wait(bad.value()).error().message, "a set");
  EXPECT_EQ(notebook.all(), std::vector{7});
}

}  // namespace
}  // namespace lp::courier
