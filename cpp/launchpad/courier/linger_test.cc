#include "launchpad/courier/linger.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "launchpad/courier/channel.h"
#include "launchpad/courier/stranger.h"
#include "launchpad/courier/test_objects.h"
#include "launchpad/wire/writer.h"

namespace lp::courier {
namespace {

// A server's end of a connection, which a reactor watches.
class Watched {
 public:
  explicit Watched(const std::shared_ptr<Reactor>& reactor) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    client_.reset(ends[0]);
    session = std::make_shared<Session>(net::Socket(base::Fd(ends[1])), reactor, Peer{},
                                        wire::FrameLimits{});
    reactor->watch(session->fd(), kReadingEvents).value_or_throw();
  }

  void send() { EXPECT_EQ(::send(client_.get(), "x", 1, 0), 1); }

  std::shared_ptr<Session> session;

 private:
  base::Fd client_;
};

class LingerTest : public testing::Test {
 protected:
  // What the poller tells of, if it tells of anything.
  Reactor::Event::Kind told() {
    reactor_->arm_timer(base::Nanos(1));
    return reactor_->sleep().kind;
  }

  const std::shared_ptr<Reactor> reactor_ = std::make_shared<Reactor>();
  Watched one_{reactor_}, other_{reactor_};
  Linger linger_;
};

using Kind = Reactor::Event::Kind;

TEST_F(LingerTest, ThePollerDoesNotTellOfAKeptConnection) {
  EXPECT_TRUE(linger_.keep(one_.session));
  one_.send();
  EXPECT_EQ(told(), Kind::kTimer);
}

TEST_F(LingerTest, ThePollerTellsOfWhatCameMeanwhileOnceAConnectionIsLetGo) {
  ASSERT_TRUE(linger_.keep(one_.session));
  one_.send();
  linger_.let_go(other_.session);
  EXPECT_EQ(told(), Kind::kTimer) << "another one was let go";
  linger_.let_go(one_.session);
  EXPECT_EQ(told(), Kind::kDescriptor);
  EXPECT_FALSE(linger_.keeps());
}

TEST_F(LingerTest, WhoeverIsKeptCanBeLetGo) {
  ASSERT_TRUE(linger_.keep(one_.session));
  one_.send();
  linger_.let_go();
  EXPECT_EQ(told(), Kind::kDescriptor);
  EXPECT_TRUE(linger_.keep(other_.session));
}

TEST_F(LingerTest, KeepsOneConnectionAtATime) {
  EXPECT_TRUE(linger_.keep(one_.session));
  EXPECT_TRUE(linger_.keep(one_.session));
  EXPECT_FALSE(linger_.keep(other_.session));
  other_.send();
  EXPECT_EQ(told(), Kind::kDescriptor);
}

TEST_F(LingerTest, GoesOnWithAConnectionWhereItFoundSomething) {
  ASSERT_TRUE(linger_.keep(one_.session));
  int looks = 0;
  EXPECT_TRUE(linger_.until(one_.session, [&] { return ++looks == 3; }));
  EXPECT_TRUE(linger_.keeps());
  EXPECT_TRUE(linger_.keep(one_.session));
}

TEST_F(LingerTest, LetsAConnectionGoWhereNothingCameAndKeepsNoneForAWhile) {
  ASSERT_TRUE(linger_.keep(one_.session));
  one_.send();
  EXPECT_FALSE(linger_.until(one_.session, [] { return false; }));
  EXPECT_EQ(told(), Kind::kDescriptor);
  EXPECT_FALSE(linger_.keep(one_.session));
  int tries = 1;
  while (!linger_.keep(one_.session)) ASSERT_LT(++tries, 100);
}

// At tcp, where a thread keeps a client that calls again and again.
class KeptClientTest : public testing::Test {
 protected:
  KeptClientTest() {
    wire::Writer(nothing_).begin_list(0);
    bind("quick", [] {});
    bind("wait", [this] { opened_.wait(opened_.load()); });
    bind("open", [this] {
      ++opened_;
      opened_.notify_all();
    });
    server_.start(net::listen(net::Address::parse(fresh_address("tcp")).value()).value())
        .value_or_throw();
    client_ = Channel::make(server_.address(), {});
  }
  ~KeptClientTest() override { client_->close(); }

  void bind(const char* method, std::function<void()> act) {
    server_.router()
        .bind(method,
              [act = std::move(act)](Call call) {
                act();
                call.reply(wire::Payload(call.arguments()));
              })
        .value_or_throw();
  }
  bool call(const std::shared_ptr<Channel>& channel, const char* method) {
    return channel->call(method, nothing_, base::Deadline::after(std::chrono::seconds(30))).ok();
  }

  wire::Payload nothing_;
  std::atomic<int> opened_{0};
  Server server_{{.threads = 4}};
  std::shared_ptr<Channel> client_;
};

TEST_F(KeptClientTest, IsHeardWhileACallOfItsOwnBlocks) {
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(call(client_, "quick"));
    const auto waits = client_->start("wait", nothing_, {}).value();
    // Opens it again and again: the first may come before the call that waits for it.
    while (!client_->wait_done(waits, base::Deadline::after(base::Nanos(1))))
      ASSERT_TRUE(call(client_, "open"));
    EXPECT_TRUE(client_->wait(waits).ok());
  }
}

TEST_F(KeptClientTest, DoesNotKeepOthersFromBeingHeard) {
  std::atomic<bool> enough{false};
  std::jthread keeps_calling([&] {
    while (!enough) EXPECT_TRUE(call(client_, "quick"));
  });
  const auto other = Channel::make(server_.address(), {});
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(call(other, "quick"));
  enough = true;
  keeps_calling.join();
  other->close();
}

TEST_F(KeptClientTest, MayEndWhenItLikes) {
  for (int calls = 1; calls < 30; ++calls) {
    Stranger client(server_.address());
    client.send(wire::frame_head(wire::FrameType::kHello, 1, 0, {}, encode_peer({})));
    for (int i = 0; i < calls; ++i)
      client.send(wire::frame_head(wire::FrameType::kCall, 2, 0, "quick", nothing_));
    client.say_no_more();
    client.until_closed();
  }
  EXPECT_TRUE(call(client_, "quick"));
}

// Calls that come together are queued: no thread looks at the connection meanwhile.
TEST_F(KeptClientTest, MayGoOnWithManyCallsAtOnce) {
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(call(client_, "quick"));
    std::vector<std::shared_ptr<Pending>> calls;
    for (int i = 0; i < 100; ++i) calls.push_back(client_->start("quick", nothing_, {}).value());
    for (const auto& pending : calls) ASSERT_TRUE(client_->wait(pending).ok());
  }
}

}  // namespace
}  // namespace lp::courier
