#include "launchpad/net/tls.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <random>
#include <thread>

#include "launchpad/base/rng.h"

namespace lp::net {
namespace {

// Both ends of a connection, with small buffers so that writing comes to its limits.
struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    for (const int end : ends) {
      const int size = 8192;
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    server = Socket(base::Fd(ends[0]));
    client = Socket(base::Fd(ends[1]));
  }
  Socket server, client;
};

// How each end's handshake went.
std::pair<Io, Io> shake_hands(TlsStream& server, TlsStream& client) {
  Io a = Io::kWouldBlock, b = Io::kWouldBlock;
  for (int round = 0; round < 10; ++round) {
    if (b == Io::kWouldBlock) b = client.handshake();
    if (a == Io::kWouldBlock) a = server.handshake();
  }
  return {a, b};
}

TEST(Tls, EndsWithOneTokenKnowEachOther) {
  Pair pair;
  const Token token = Token::mint();
  TlsStream server(pair.server, token, true), client(pair.client, token, false);
  EXPECT_EQ(shake_hands(server, client), std::pair(Io::kMoved, Io::kMoved));
}

TEST(Tls, AClientTakesNoServerWithAnotherCertificate) {
  Pair pair;
  TlsStream server(pair.server, Token::mint(), true), client(pair.client, Token::mint(), false);
  const auto [theirs, ours] = shake_hands(server, client);
  EXPECT_EQ(ours, Io::kClosed);
  EXPECT_NE(theirs, Io::kMoved);
  EXPECT_NE(client.failure().find("certificate"), std::string::npos) << client.failure();
}

TEST(Tls, BytesThatAreNoTlsEndTheHandshake) {
  Pair pair;
  TlsStream server(pair.server, Token::mint(), true);
  ASSERT_GT(::send(pair.client.fd(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 0);
  EXPECT_EQ(server.handshake(), Io::kClosed);
  EXPECT_FALSE(server.failure().empty());
}

// A megabyte each way at the same time, in parts of any size, through buffers that are full.
TEST(Tls, ManyBytesArriveAsTheyWereSentBothWaysAtOnce) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  Pair pair;
  const Token token = Token::mint();
  auto server = std::make_unique<TlsStream>(pair.server, token, true);
  auto client = std::make_unique<TlsStream>(pair.client, token, false);
  ASSERT_EQ(shake_hands(*server, *client), std::pair(Io::kMoved, Io::kMoved));
  pair.server.set_layer(std::move(server));
  pair.client.set_layer(std::move(client));
  std::string sent(1 << 20, '\0');
  std::mt19937_64 random(seed);
  for (char& c : sent) c = static_cast<char>(random());

  const auto write_all = [&](Socket& socket, uint64_t number) {
    std::mt19937_64 sizes(seed + number);
    for (size_t at = 0; at < sent.size();) {
      iovec parts[3];
      size_t offset = at;
      for (iovec& part : parts) {
        part.iov_base = sent.data() + offset;
        part.iov_len = std::min<size_t>(sizes() % 30'000, sent.size() - offset);
        offset += part.iov_len;
      }
      // What would block is written again, with at least the same bytes.
      Moved moved = socket.write(parts);
      while (moved.io == Io::kWouldBlock) {
        bool readable = false, writable = true;
        wait_for(socket.fd(), readable, writable, {});
        moved = socket.write(parts);
      }
      ASSERT_EQ(moved.io, Io::kMoved);
      at += moved.size;
    }
  };
  const auto read_all = [&](Socket& socket, std::string& received, uint64_t number) {
    std::mt19937_64 sizes(seed + number);
    received.resize(sent.size());
    for (size_t at = 0; at < received.size();) {
      const size_t size = std::min<size_t>(1 + sizes() % 40'000, received.size() - at);
      const Moved moved =
          socket.read(std::as_writable_bytes(std::span(received.data() + at, size)), true);
      if (moved.io == Io::kWouldBlock) continue;
      ASSERT_EQ(moved.io, Io::kMoved);
      at += moved.size;
    }
  };
  std::string at_server, at_client;
  std::thread a([&] { write_all(pair.server, 1); });
  std::thread b([&] { write_all(pair.client, 2); });
  std::thread c([&] { read_all(pair.server, at_server, 3); });
  read_all(pair.client, at_client, 4);
  for (std::thread* thread : {&a, &b, &c}) thread->join();
  EXPECT_EQ(at_server, sent);
  EXPECT_EQ(at_client, sent);
}

TEST(Tls, WhatIsLeftOfARecordIsSaidToBeHeld) {
  Pair pair;
  const Token token = Token::mint();
  auto server = std::make_unique<TlsStream>(pair.server, token, true);
  TlsStream client(pair.client, token, false);
  ASSERT_EQ(shake_hands(*server, client), std::pair(Io::kMoved, Io::kMoved));
  pair.server.set_layer(std::move(server));
  char text[] = "abcdef";
  const iovec part{text, 6};
  ASSERT_EQ(client.write({&part, 1}).size, 6u);
  std::byte first[2], rest[100];
  EXPECT_EQ(pair.server.read(first, true).size, 2u);
  EXPECT_TRUE(pair.server.holds_bytes());
  EXPECT_EQ(pair.server.read(rest, true).size, 4u);
  EXPECT_FALSE(pair.server.holds_bytes());
  EXPECT_EQ(pair.server.read(rest, false).io, Io::kWouldBlock);
}

TEST(Tls, TheEndOfAConnectionIsMetBehindItsLastBytes) {
  Pair pair;
  const Token token = Token::mint();
  TlsStream server(pair.server, token, true), client(pair.client, token, false);
  ASSERT_EQ(shake_hands(server, client), std::pair(Io::kMoved, Io::kMoved));
  char text[] = "last";
  const iovec part{text, 4};
  ASSERT_EQ(client.write({&part, 1}).size, 4u);
  pair.client.shutdown();
  std::byte space[100];
  EXPECT_EQ(server.read(space, true).size, 4u);
  EXPECT_EQ(server.read(space, true).io, Io::kClosed);
}

}  // namespace
}  // namespace lp::net
