#include "launchpad/net/peer_user.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "launchpad/net/transport.h"

namespace lp::net {
namespace {

constexpr uid_t kNobody = 65534;

Socket accept_one(Listener& listener) {
  pollfd entry{listener.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 10'000), 1);
  auto accepted = listener.accept();
  EXPECT_TRUE(accepted.ok());
  return accepted.ok() && accepted->has_value() ? std::move(**accepted) : Socket();
}

std::unique_ptr<Listener> listening(const std::string& address) {
  return listen(Address::parse(address).value()).value();
}

TEST(PeerUser, BothWaysNameTheOwnerOfTheOtherEnd) {
  const auto listener = listening("tcp:127.0.0.1:0");
  const Socket client = connect(listener->address()).value();
  const Socket server = accept_one(*listener);
  ASSERT_TRUE(server.valid());
  for (const int fd : {server.fd(), client.fd()}) {
    EXPECT_EQ(tcp_owner_by_diag(fd), ::geteuid());
    EXPECT_EQ(tcp_owner_by_proc(fd), ::geteuid());
    EXPECT_EQ(tcp_peer_user(fd), PeerUser::kOurs);
  }
}

TEST(PeerUser, OfIpv6IsFoundToo) {
  const auto listener = listen(Address::parse("tcp:[::1]:0").value());
  if (!listener.ok()) return;  // There is no IPv6 here.
  auto& at = const_cast<Listener&>(*listener.value());
  const Socket client = connect(at.address()).value();
  const Socket server = accept_one(at);
  ASSERT_TRUE(server.valid());
  EXPECT_EQ(tcp_owner_by_diag(server.fd()), ::geteuid());
  EXPECT_EQ(tcp_owner_by_proc(server.fd()), ::geteuid());
}

TEST(PeerUser, WhatItsProcessHasClosedIsNobodys) {
  const auto listener = listening("tcp:127.0.0.1:0");
  Socket client = connect(listener->address()).value();
  const Socket server = accept_one(*listener);
  ASSERT_TRUE(server.valid());
  client = Socket();
  EXPECT_EQ(tcp_owner_by_diag(server.fd()), std::nullopt);
  EXPECT_EQ(tcp_owner_by_proc(server.fd()), std::nullopt);
  EXPECT_EQ(tcp_peer_user(server.fd()), PeerUser::kGone);
}

// Root may become another user, and so try it; for others only the rule above is left.
class PeerUserTurnsAway : public testing::TestWithParam<std::string> {};

TEST_P(PeerUserTurnsAway, AnotherUsersProcess) {
  const auto listener = listening(GetParam());
  if (listener->address().kind == Kind::kUnix) ::chmod(listener->address().name.c_str(), 0777);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(9);
    auto socket = connect(listener->address());
    if (!socket.ok()) ::_exit(socket.error().code == Code::kPermissionDenied ? 1 : 8);
    char byte = 0;  // Until the server decides.
    ::_exit(::recv(socket->fd(), &byte, 1, 0) == 1 ? 0 : 1);
  }
  const Socket accepted = accept_one(*listener);
  if (accepted.valid()) ::send(accepted.fd(), "y", 1, MSG_NOSIGNAL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  const bool stranger = ::geteuid() == 0;
  EXPECT_EQ(WEXITSTATUS(status), stranger ? 1 : 0);
  EXPECT_EQ(accepted.valid(), !stranger);
}

INSTANTIATE_TEST_SUITE_P(Addresses, PeerUserTurnsAway,
                         testing::Values("tcp:127.0.0.1:0",
                                         "unix:" + (std::filesystem::temp_directory_path() /
                                                    ("lp-peer-" + std::to_string(::getpid())))
                                                       .string()),
                         [](const auto& info) {
                           return info.param.substr(0, info.param.find(':'));
                         });

}  // namespace
}  // namespace lp::net
