// What a server does with strangers on its tcp address, and what clients do with strange servers.
#include "launchpad/courier/entrance.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <random>
#include <thread>

#include "launchpad/base/rng.h"
#include "launchpad/courier/anteroom.h"
#include "launchpad/courier/stranger.h"
#include "launchpad/courier/test_objects.h"
#include "launchpad/net/transport.h"

namespace lp::courier {
namespace {

constexpr base::Nanos kShort{50'000'000};

net::Token token_of(const std::string& name) {
  return net::Token::of("a token for tests: " + name).value();
}

ServerOptions with_token(const std::string& name) {
  ServerOptions options;
  options.token = token_of(name);
  return options;
}

ServerOptions in_a_hurry(const std::string& name) {
  ServerOptions options = with_token(name);
  options.greeting_patience = kShort;
  return options;
}

ServerOptions with_tls(const std::string& name) {
  ServerOptions options = with_token(name);
  options.always_tls = true;
  return options;
}

ChannelOptions having(const std::string& name) {
  ChannelOptions options;
  options.token = token_of(name);
  return options;
}

// A Desk that answers at a tcp address of this host, and what is logged meanwhile.
class Served {
 public:
  explicit Served(ServerOptions options = {}) : server_(std::move(options)) {
    testing::internal::CaptureStderr();
    serve(server_.router(), desk_);
    const Status started =
        server_.start(net::listen(net::Address::parse("tcp:127.0.0.1:0").value()).value());
    EXPECT_TRUE(started.ok());
  }
  ~Served() {
    if (!read_) testing::internal::GetCapturedStderr();
  }
  const net::Address& address() const { return server_.address(); }
  int ask(const ChannelOptions& options = {}) {
    return Client<Desk>::connect(address().str(), options).call<&Desk::add>(1, 2);
  }
  // How many lines of the log have the text; all must. Ends the server.
  size_t logged(const std::string& text) {
    server_.stop();
    read_ = true;
    const std::string all = testing::internal::GetCapturedStderr();
    size_t count = 0;
    std::istringstream lines(all);
    for (std::string line; std::getline(lines, line); ++count)
      EXPECT_NE(line.find(text), std::string::npos) << all;
    return count;
  }

 private:
  Desk desk_;
  Server server_;
  bool read_ = false;
};

// Of a server; the rest of what comes is dropped.
ProofAnswer answer_to(Stranger& stranger) {
  ProofAnswer answer{};
  const std::string bytes = stranger.read(answer.size());
  EXPECT_EQ(bytes.size(), answer.size());
  std::memcpy(answer.data(), bytes.data(), bytes.size());
  return answer;
}

Error error_of(Served& served, const ChannelOptions& options) {
  const auto result =
      Client<Desk>::connect(served.address().str(), options).result<&Desk::add>(1, 2);
  EXPECT_FALSE(result.ok());
  return result.ok() ? Error() : result.error();
}

TEST(Entrance, WhoHasTheTokenIsServed) {
  Served served(with_token("one"));
  EXPECT_EQ(served.ask(having("one")), 3);
  EXPECT_EQ(served.logged(""), 0u);
}

TEST(Entrance, WithoutTokensItIsAsItWas) {
  Served served;
  EXPECT_EQ(served.ask(), 3);
  EXPECT_EQ(served.logged(""), 0u);
}

TEST(Entrance, AnotherTokenIsAnErrorThatNamesTheMendAndOneLineOfTheLog) {
  Served served(with_token("one"));
  const Error error = error_of(served, having("two"));
  EXPECT_EQ(error.code, Code::kPermissionDenied);
  EXPECT_NE(error.message.find("give both the same `token`"), std::string::npos) << error.message;
  EXPECT_EQ(served.ask(having("one")), 3);
  EXPECT_EQ(served.logged("before it had proven the token"), 1u);
}

TEST(Entrance, AClientWithoutTheTokenLearnsWhatIsMissing) {
  Served served(with_token("one"));
  const Error error = error_of(served, {});
  EXPECT_EQ(error.code, Code::kPermissionDenied);
  EXPECT_NE(error.message.find("give the client the same one"), std::string::npos);
  EXPECT_EQ(served.logged("did not start with a proof"), 1u);
}

TEST(Entrance, AClientWithATokenTellsNothingToAServerWithoutUnlessThatMayBe) {
  Served served;
  const Error error = error_of(served, having("one"));
  EXPECT_EQ(error.code, Code::kPermissionDenied);
  EXPECT_NE(error.message.find("the server has no token"), std::string::npos);
  ChannelOptions options = having("one");
  options.may_lack_token = true;
  EXPECT_EQ(served.ask(options), 3);
}

TEST(Entrance, StrangersAreClosedWithOneLineEachAndAreToldNothing) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::string noise(5000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  noise[0] = 'x';
  ClientProof proof(token_of("one"), false, fresh_nonce());
  const Hello hello = proof.hello();
  const std::string whole(reinterpret_cast<const char*>(hello.data()), hello.size());
  std::string wrong = whole;
  wrong[5] = 1;

  Served served(with_token("one"));
  for (const std::string& bytes :
       {noise, std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), wrong,
        std::string("\x80\x04\x95", 3), std::string("\x16\x03\x01\x02\x00\x01", 6)}) {
    Stranger stranger(served.address());
    stranger.send(bytes);
    EXPECT_EQ(stranger.until_closed(), "");
  }
  EXPECT_EQ(served.ask(having("one")), 3);
  EXPECT_EQ(served.logged("closed a connection from 127.0.0.1:"), 5u);
}

TEST(Entrance, ATruncatedProofIsClosedWithOneLine) {
  ClientProof proof(token_of("one"), false, fresh_nonce());
  const Hello hello = proof.hello();
  Served served(with_token("one"));
  {
    Stranger stranger(served.address());
    stranger.send({reinterpret_cast<const char*>(hello.data()), kHelloBytes - 1});
    stranger.say_no_more();
    EXPECT_EQ(stranger.until_closed(), "");
  }
  {
    Stranger stranger(served.address());
    stranger.send(hello);
    auto verdict = proof.take(answer_to(stranger));
    ASSERT_TRUE(verdict.ok());
    stranger.send({reinterpret_cast<const char*>(verdict->mac.data()), 31});
    stranger.say_no_more();
    EXPECT_EQ(stranger.until_closed(), "");
  }
  // One that ended before it was accepted is nobody's any more, and turned away as such.
  EXPECT_EQ(served.logged(""), 2u);
}

TEST(Entrance, AReflectedOrReplayedMacIsClosed) {
  ClientProof proof(token_of("one"), false, fresh_nonce());
  Served served(with_token("one"));
  net::Digest heard{};
  for (const bool replayed : {false, true}) {
    Stranger stranger(served.address());
    stranger.send(proof.hello());
    const ProofAnswer answer = answer_to(stranger);
    net::Digest shown = heard;
    if (!replayed) std::copy_n(answer.begin() + 40, shown.size(), shown.begin());
    heard = proof.take(answer)->mac;
    stranger.send(shown);
    EXPECT_EQ(stranger.until_closed(), "");
  }
  EXPECT_EQ(served.logged("it has another token"), 2u);
}

TEST(Entrance, OneThatIsSlowIsClosedWhenItsTimeIsOver) {
  Served served(in_a_hurry("one"));
  Stranger silent(served.address()), slow(served.address());
  slow.send("LPP1");
  EXPECT_EQ(silent.until_closed(), "");
  EXPECT_EQ(slow.until_closed(), "");
  EXPECT_EQ(served.logged("did not say who it is in time"), 2u);
}

TEST(Entrance, TooManyStrangersCloseTheOldestAndKeepNobodyOut) {
  Served served(with_token("one"));
  Stranger oldest(served.address());
  std::vector<std::unique_ptr<Stranger>> crowd;
  for (size_t i = 0; i < kMaxStrangers; ++i)
    crowd.push_back(std::make_unique<Stranger>(served.address()));
  EXPECT_EQ(oldest.until_closed(), "");
  EXPECT_EQ(served.ask(having("one")), 3);
}

TEST(Entrance, WhoCameInIsNotAskedToHurry) {
  Served served(in_a_hurry("one"));
  const auto client = Client<Desk>::connect(served.address().str(), having("one"));
  EXPECT_EQ(client.call<&Desk::add>(1, 2), 3);
  Stranger silent(served.address());
  EXPECT_EQ(silent.until_closed(), "");  // By then the client's time is over, too.
  EXPECT_EQ(client.call<&Desk::add>(1, 2), 3);
  EXPECT_EQ(served.logged("in time"), 1u);
}

TEST(Entrance, AClientSendsNothingToAServerThatCannotProve) {
  // It takes the hello, and answers with a guess.
  const auto listener = net::listen(net::Address::parse("tcp:127.0.0.1:0").value()).value();
  std::string heard;
  std::thread impostor([&] {
    net::Socket socket;
    while (!socket.valid()) {
      bool readable = true, writable = false;
      net::wait_for(listener->fd(), readable, writable, {});
      if (auto accepted = listener->accept(); accepted.ok() && *accepted)
        socket = std::move(**accepted);
    }
    Hello hello{};
    ASSERT_EQ(::recv(socket.fd(), hello.data(), hello.size(), MSG_WAITALL), ssize_t{kHelloBytes});
    ServerProof guess(token_of("a guess"), false, fresh_nonce());
    const ProofAnswer answer = guess.take(hello).value();
    ::send(socket.fd(), answer.data(), answer.size(), MSG_NOSIGNAL);
    char bytes[4096];
    while (true) {
      const ssize_t got = ::recv(socket.fd(), bytes, sizeof(bytes), 0);
      if (got <= 0) break;
      heard.append(bytes, static_cast<size_t>(got));
    }
  });
  const auto client = Client<Desk>::connect(listener->address().str(), having("one"));
  const auto result = client.result<&Desk::echo>("secret");
  impostor.join();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kPermissionDenied);
  EXPECT_EQ(heard, "");
}

TEST(Entrance, WithoutATokenNoAddressThatOthersReachIsServed) {
  Server server;
  const Status started =
      server.start(net::listen(net::Address::parse("tcp:0.0.0.0:0").value()).value());
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, Code::kInvalidArgument);
  EXPECT_NE(started.error().message.find("`token`"), std::string::npos);
}

TEST(Entrance, CallsOfAllSizesTravelThroughTls) {
  Served served(with_tls("one"));
  const auto client = Client<Desk>::connect(served.address().str(), having("one"));
  EXPECT_EQ(client.call<&Desk::add>(1, 2), 3);
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{16 << 10}, size_t{100'000}, size_t{5 << 20}}) {
    const std::string text(size, 'x');
    EXPECT_EQ(client.call<&Desk::echo>(text), text);
  }
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&client, number] {
      for (int i = 0; i < 50; ++i) {
        const std::string text(static_cast<size_t>(i * 4000 + number), 'y');
        EXPECT_EQ(client.call<&Desk::echo>(text), text);
        EXPECT_EQ(client.call<&Desk::add>(i, number), i + number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served.logged(""), 0u);
}

TEST(Entrance, ManyCallsThatNobodyWaitsForTravelThroughTls) {
  Served served(with_tls("one"));
  const auto client = Client<Desk>::connect(served.address().str(), having("one"));
  std::vector<Future<int>> futures;
  for (int i = 0; i < 2000; ++i) futures.push_back(client.async<&Desk::add>(i, 1));
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(futures[static_cast<size_t>(i)].get(), i + 1);
}

TEST(Entrance, WhatIsNoTlsAfterTheProofIsClosed) {
  Served served(with_tls("one"));
  ClientProof proof(token_of("one"), false, fresh_nonce());
  Stranger stranger(served.address());
  stranger.send(proof.hello());
  auto verdict = proof.take(answer_to(stranger));
  ASSERT_TRUE(verdict.ok());
  EXPECT_TRUE(verdict->tls);
  stranger.send(verdict->mac);
  stranger.send("GET / HTTP/1.1\r\n\r\n");
  stranger.until_closed();
  EXPECT_EQ(served.logged("TLS: "), 1u);
}

}  // namespace
}  // namespace lp::courier
