#include "launchpad/net/joint_listener.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <string>

namespace lp::net {
namespace {

constexpr int kPatienceMs = 20'000;

TEST(JointListener, WakesItsServerForEachConnectionWhereverItComesFrom) {
  std::vector<std::unique_ptr<Listener>> listeners;
  for (const char* text : {"inproc:joint", "tcp:localhost:0"})
    listeners.push_back(listen(Address::parse(text).value_or_throw()).value_or_throw());
  const Address name = listeners[0]->address();
  const Address port = listeners[1]->address();
  const auto joint = JointListener::of(std::move(listeners)).value_or_throw();
  EXPECT_EQ(joint->address().str(), name.str());

  // As a server waits: for edges.
  const base::Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, joint->fd(), &event), 0);
  for (const Address& address : {port, name, port, port, name}) {
    const Socket client = connect(address).value_or_throw();
    ASSERT_EQ(::epoll_wait(epoll.get(), &event, 1, kPatienceMs), 1) << address.str();
    EXPECT_TRUE(joint->accept().value_or_throw().has_value());
    EXPECT_FALSE(joint->accept().value_or_throw().has_value());
  }
}

}  // namespace
}  // namespace lp::net
