#include "launchpad/courier/proof.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lp::courier {
namespace {

net::Token token(const std::string& name = "a token of sixteen bytes and more") {
  return net::Token::of(name).value();
}

Nonce nonce(int fill) {
  Nonce made;
  made.fill(static_cast<std::byte>(fill));
  return made;
}

TEST(Proof, TwoEndsWithOneTokenConvinceEachOther) {
  for (const bool client_wants : {false, true}) {
    for (const bool server_wants : {false, true}) {
      const ClientProof client(token(), client_wants, fresh_nonce());
      ServerProof server(token(), server_wants, fresh_nonce());
      auto verdict = client.take(server.take(client.hello()).value());
      ASSERT_TRUE(verdict.ok());
      EXPECT_TRUE(verdict->server_has_token);
      EXPECT_TRUE(server.take_mac(verdict->mac).ok());
      EXPECT_EQ(verdict->tls, client_wants || server_wants);
      EXPECT_EQ(server.tls(), client_wants || server_wants);
    }
  }
}

TEST(Proof, AnotherTokenConvincesNeither) {
  const ClientProof client(token(), false, nonce(1));
  ServerProof server(token("another token, of another run"), false, nonce(2));
  auto verdict = client.take(server.take(client.hello()).value());
  ASSERT_FALSE(verdict.ok());
  EXPECT_EQ(verdict.error().code, Code::kPermissionDenied);
  EXPECT_NE(verdict.error().message.find("give both the same `token`"), std::string::npos);
  // Nor does a client that goes on all the same.
  ServerProof right(token(), false, nonce(2));
  auto other = client.take(right.take(client.hello()).value());
  EXPECT_EQ(server.take_mac(other->mac).error().code, Code::kPermissionDenied);
}

TEST(Proof, ReflectedMacsProveNothing) {
  const ClientProof client(token(), false, nonce(1));
  ServerProof server(token(), false, nonce(1));
  const ProofAnswer answer = server.take(client.hello()).value();
  net::Digest servers_own;
  std::copy_n(answer.begin() + 40, servers_own.size(), servers_own.begin());
  EXPECT_FALSE(server.take_mac(servers_own).ok());
  // A stranger answers a client with what a client would show, as another connection gave it.
  auto verdict = client.take(answer);
  ProofAnswer reflected = answer;
  std::copy(verdict->mac.begin(), verdict->mac.end(), reflected.begin() + 40);
  EXPECT_FALSE(client.take(reflected).ok());
}

TEST(Proof, WhatWasHeardBeforeProvesNothingLater) {
  const ClientProof client(token(), false, nonce(1));
  ServerProof server(token(), false, nonce(2));
  const ProofAnswer heard = server.take(client.hello()).value();
  const net::Digest mac = client.take(heard)->mac;
  ServerProof later(token(), false, nonce(3));
  ASSERT_TRUE(later.take(client.hello()).ok());
  EXPECT_FALSE(later.take_mac(mac).ok());
  EXPECT_FALSE(ClientProof(token(), false, nonce(4)).take(heard).ok());
}

TEST(Proof, NobodyBetweenCanTalkThemOutOfTls) {
  const ClientProof client(token(), true, nonce(1));
  ServerProof server(token(), true, nonce(2));
  Hello hello = client.hello();
  hello[4] = std::byte{0};
  ProofAnswer answer = server.take(hello).value();
  EXPECT_FALSE(client.take(answer).ok());
  ServerProof untouched(token(), true, nonce(2));
  answer = untouched.take(client.hello()).value();
  answer[4] = std::byte{0};
  EXPECT_FALSE(client.take(answer).ok());
}

TEST(Proof, EveryChangedByteIsNoticed) {
  const ClientProof client(token(), false, nonce(1));
  for (size_t at = 0; at < kHelloBytes; ++at) {
    ServerProof server(token(), false, nonce(2));
    Hello hello = client.hello();
    hello[at] ^= std::byte{0x10};
    const auto answer = server.take(hello);
    EXPECT_FALSE(answer.ok() && client.take(answer.value()).ok()) << at;
  }
  for (size_t at = 0; at < kAnswerBytes; ++at) {
    ServerProof server(token(), false, nonce(2));
    ProofAnswer answer = server.take(client.hello()).value();
    answer[at] ^= std::byte{0x10};
    EXPECT_FALSE(client.take(answer).ok()) << at;
  }
}

TEST(Proof, AServerWithoutATokenSaysSo) {
  const ClientProof client(token(), true, nonce(1));
  ServerProof server(net::Token(), false, nonce(2));
  auto verdict = client.take(server.take(client.hello()).value());
  ASSERT_TRUE(verdict.ok());
  EXPECT_FALSE(verdict->server_has_token);
  EXPECT_FALSE(verdict->tls);
}

}  // namespace
}  // namespace lp::courier
