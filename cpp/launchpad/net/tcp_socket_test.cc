#include "launchpad/net/tcp_socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <set>

namespace lp::net {
namespace {

Address at(std::string host, uint16_t port = 0) { return {Kind::kTcp, std::move(host), port}; }

// A tcp socket that is bound to a free port of loopback and does not listen.
struct Bound {
  explicit Bound(int family = AF_INET) : fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(name);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), size), 0);
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size);
    port = ntohs(name.sin_port);
  }
  base::Fd fd;
  uint16_t port = 0;
};

TEST(TcpSocket, OfPortZeroReportsThePortThatWasFound) {
  std::set<uint16_t> ports;
  std::vector<std::unique_ptr<Listener>> listeners;
  for (int i = 0; i < 5; ++i) {
    auto listener = listen_tcp(at("127.0.0.1"));
    ASSERT_TRUE(listener.ok());
    EXPECT_NE(listener.value()->address().port, 0);
    EXPECT_EQ(listener.value()->address().name, "127.0.0.1");
    EXPECT_TRUE(connect_tcp(listener.value()->address()).ok());
    ports.insert(listener.value()->address().port);
    listeners.push_back(std::move(listener).value());
  }
  EXPECT_EQ(ports.size(), 5u);
}

TEST(TcpSocket, OfANameIsFoundByThatName) {
  const auto listener = listen_tcp(at("localhost"));
  ASSERT_TRUE(listener.ok()) << listener.error().message;
  EXPECT_EQ(listener.value()->address().name, "localhost");
  EXPECT_TRUE(connect_tcp(listener.value()->address()).ok());
}

TEST(TcpSocket, OfIpv6IsFoundWhereThereIsIpv6) {
  const auto listener = listen_tcp(at("::1"));
  if (!listener.ok()) GTEST_SKIP() << listener.error().message;
  EXPECT_NE(listener.value()->address().port, 0);
  EXPECT_TRUE(connect_tcp(Address::parse(listener.value()->address().str()).value()).ok());
}

TEST(TcpSocket, ConnectingToPortZeroCanNeverBe) {
  const auto socket = connect_tcp(at("127.0.0.1", 0));
  ASSERT_FALSE(socket.ok());
  EXPECT_EQ(socket.error().code, Code::kInvalidArgument);
  EXPECT_EQ(socket.error().message, "'127.0.0.1:0' names no port");
}

TEST(TcpSocket, ConnectingToAPortWhereNobodyListensIsNotFound) {
  const Bound bound;
  const auto socket = connect_tcp(at("127.0.0.1", bound.port));
  ASSERT_FALSE(socket.ok());
  EXPECT_EQ(socket.error().code, Code::kNotFound);
  EXPECT_EQ(socket.error().message,
            "cannot connect to '127.0.0.1:" + std::to_string(bound.port) + "': Connection refused");
}

// A client that tries again and again until its server is up would else soon be its own server, and
// keep the port from the real one. Which port the kernel takes for a client is random: this may
// miss a fault.
TEST(TcpSocket, NeverConnectsToItself) {
  const auto port =
      static_cast<uint16_t>(Bound().port & ~1);  // Linux gives clients even ports first.
  for (int i = 0; i < 30'000; ++i) {
    const auto socket = connect_tcp(at("127.0.0.1", port));
    if (!socket.ok()) continue;
    sockaddr_in here{};
    socklen_t size = sizeof(here);
    ::getsockname(socket.value().fd(), reinterpret_cast<sockaddr*>(&here), &size);
    ASSERT_NE(ntohs(here.sin_port), port) << "after " << i << " tries";
  }
}

TEST(TcpSocket, OfAHostThatIsNoneIsAnInvalidArgument) {
  for (const char* host : {"not a host", "256.256.256.256", "127.0.0.1:1"}) {
    for (const Error& error : {listen_tcp(at(host)).error(), connect_tcp(at(host, 1)).error()}) {
      EXPECT_TRUE(error.code == Code::kInvalidArgument || error.code == Code::kUnavailable) << host;
      EXPECT_NE(error.message.find("cannot find the host of"), std::string::npos) << error.message;
    }
  }
}

TEST(TcpSocket, CannotListenAtAnAddressOfAnotherMachine) {
  const auto listener = listen_tcp(at("192.0.2.1"));  // Reserved for documentation.
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error().code, Code::kInvalidArgument);
  EXPECT_EQ(listener.error().message,
            "cannot listen at '192.0.2.1:0': Cannot assign requested address");
}

TEST(TcpSocket, SmallMessagesAreNotHeldBack) {
  const auto listener = listen_tcp(at("127.0.0.1"));
  ASSERT_TRUE(listener.ok());
  const auto client = connect_tcp(listener.value()->address());
  ASSERT_TRUE(client.ok());
  bool readable = true;
  bool writable = false;
  wait_for(listener.value()->fd(), readable, writable,
           base::Deadline::after(std::chrono::seconds(20)));
  const auto server = listener.value()->accept();
  ASSERT_TRUE(server.ok() && server.value().has_value());
  for (const int fd : {client.value().fd(), server.value()->fd()}) {
    int no_delay = 0;
    socklen_t size = sizeof(no_delay);
    ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
    EXPECT_NE(no_delay, 0);
    int keep_alive = 0;
    ::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keep_alive, &size);
    EXPECT_NE(keep_alive, 0);
  }
}

// A listener whose queue is full: further connections get no answer.
struct FullListener : Bound {
  FullListener() {
    EXPECT_EQ(::listen(fd.get(), 0), 0);
    for (int i = 0; i < 2; ++i) {
      auto taken =
          connect_tcp(at("127.0.0.1", port), base::Deadline::after(std::chrono::milliseconds(100)));
      if (taken.ok()) queue.push_back(std::move(taken).value());
    }
  }
  std::vector<Socket> queue;
};

TEST(TcpSocket, AHostThatDoesNotAnswerIsWaitedForUntilTheDeadline) {
  const FullListener listener;
  const auto late = connect_tcp(at("127.0.0.1", listener.port),
                                base::Deadline::after(std::chrono::milliseconds(20)));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
}

TEST(TcpSocket, AHostThatDoesNotAnswerIsWaitedForUntilTheCallerGivesUp) {
  const FullListener listener;
  const auto given_up = connect_tcp(at("127.0.0.1", listener.port), {}, [] { return true; });
  ASSERT_FALSE(given_up.ok());
  EXPECT_EQ(given_up.error().code, Code::kCancelled);
}

}  // namespace
}  // namespace lp::net
