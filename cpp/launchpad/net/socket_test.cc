#include "launchpad/net/socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace lp::net {
namespace {

using namespace std::chrono_literals;

std::pair<Socket, Socket> connected_pair() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {Socket(base::Fd(ends[0])), Socket(base::Fd(ends[1]))};
}

Moved write_text(Socket& socket, std::string_view text) {
  const iovec part{const_cast<char*>(text.data()), text.size()};
  return socket.write({&part, 1});
}

TEST(WaitFor, ReturnsOnceItsDeadlinePassedAndNotBefore) {
  auto [one, other] = connected_pair();
  bool readable = true;
  bool writable = false;
  const auto deadline = base::Deadline::after(5ms);
  EXPECT_EQ(wait_for(one.fd(), readable, writable, deadline), Io::kWouldBlock);
  EXPECT_TRUE(deadline.passed());
  EXPECT_FALSE(readable);
  EXPECT_FALSE(writable);
}

TEST(WaitFor, ADeadlineThatPassedDoesNotHideWhatIsReady) {
  auto [one, other] = connected_pair();
  write_text(other, "x");
  bool readable = true;
  bool writable = true;
  EXPECT_EQ(wait_for(one.fd(), readable, writable, base::Deadline::after(-1s)), Io::kMoved);
  EXPECT_TRUE(readable);
  EXPECT_TRUE(writable);
}

TEST(WaitFor, SaysOnlyWhatHoldsOfWhatWasAsked) {
  auto [one, other] = connected_pair();
  const auto wait = [&](bool& readable, bool& writable) {
    return wait_for(one.fd(), readable, writable, base::Deadline::after(0ns));
  };
  bool readable = true;
  bool writable = true;
  EXPECT_EQ(wait(readable, writable), Io::kMoved);
  EXPECT_FALSE(readable);
  EXPECT_TRUE(writable);
  write_text(other, "x");
  readable = false;
  writable = true;
  wait(readable, writable);
  EXPECT_FALSE(readable);
  readable = true;
  writable = false;
  wait(readable, writable);
  EXPECT_TRUE(readable);
  EXPECT_FALSE(writable);
}

TEST(WaitFor, WithoutADeadlineWakesWhenAByteComes) {
  auto [one, other] = connected_pair();
  std::thread writer([socket = &other] { write_text(*socket, "x"); });
  bool readable = true;
  bool writable = false;
  EXPECT_EQ(wait_for(one.fd(), readable, writable, base::Deadline()), Io::kMoved);
  EXPECT_TRUE(readable);
  writer.join();
}

TEST(WaitFor, AClosedPeerIsReadyForWhateverWasAsked) {
  auto [one, other] = connected_pair();
  other = Socket();
  for (const bool ask_readable : {true, false}) {
    bool readable = ask_readable;
    bool writable = !ask_readable;
    EXPECT_EQ(wait_for(one.fd(), readable, writable, base::Deadline::after(10s)), Io::kMoved);
    EXPECT_EQ(readable, ask_readable);
    EXPECT_EQ(writable, !ask_readable);
  }
}

TEST(Socket, OfNothingIsClosedAndHarmless) {
  Socket socket;
  EXPECT_FALSE(socket.valid());
  std::byte space[1];
  EXPECT_EQ(socket.read(space, true).io, Io::kClosed);
  EXPECT_EQ(write_text(socket, "x").io, Io::kClosed);
  socket.shutdown();
}

TEST(Socket, WritesNothingFromNoParts) {
  auto [one, other] = connected_pair();
  const Moved moved = one.write({});
  EXPECT_EQ(moved.io, Io::kMoved);
  EXPECT_EQ(moved.size, 0u);
}

TEST(SocketDeathTest, ReadingIntoNoSpaceEndsTheProcessInsteadOfLookingClosed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto [one, other] = connected_pair();
  EXPECT_DEATH(one.read({}, false), "no space to read into");
}

}  // namespace
}  // namespace lp::net
