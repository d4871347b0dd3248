#include "launchpad/net/rings.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "launchpad/net/socket.h"

namespace lp::net {
namespace {

// A connection whose bytes go through rings, with its two ends in this process.
class RingsTest : public testing::Test {
 protected:
  void SetUp() override {
    doorbell_->keep();
    doorbell_->use(5);
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    client_ = Socket(base::Fd(fds[0]));
    server_ = Socket(base::Fd(fds[1]));
    const auto memory = Rings::make_memory().value_or_throw();
    client_.move_to(std::make_unique<Rings>(memory, doorbell_, 5));
    server_.move_to(std::make_unique<Rings>(memory));
  }

  void TearDown() override {
    if (doorbell_->kept()) doorbell_->let_go();
  }

  static Moved write(Socket& socket, std::string_view text, std::span<const int> fds = {}) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    return socket.write({&part, 1}, fds);
  }
  static std::string read(Socket& socket, size_t size) {
    std::string text;
    while (text.size() < size) {
      char bytes[1000];
      const Moved moved = socket.read(std::as_writable_bytes(std::span(bytes)), true);
      if (moved.io == Io::kClosed) break;
      text.append(bytes, moved.size);
    }
    return text;
  }
  Io read_now(Socket& socket) {
    std::byte byte;
    return socket.read({&byte, 1}, false).io;
  }

  std::shared_ptr<shm::Doorbell> doorbell_ = shm::Doorbell::create().value_or_throw();
  Socket client_;
  Socket server_;
};

TEST_F(RingsTest, CarryBytesBothWaysAndNoneThroughTheSocket) {
  EXPECT_EQ(write(client_, "question").size, 8u);
  EXPECT_EQ(write(server_, "answer").size, 6u);
  char byte;
  EXPECT_EQ(::recv(server_.fd(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(read(server_, 8), "question");
  EXPECT_EQ(read(client_, 6), "answer");
  EXPECT_EQ(read_now(client_), Io::kWouldBlock);
}

TEST_F(RingsTest, TheServerHearsOfBytesAtItsDoorbellIfItAsked) {
  write(client_, "x");
  EXPECT_FALSE(doorbell_->rung());
  EXPECT_FALSE(server_.rings()->ask_for_bytes());
  read(server_, 1);
  EXPECT_TRUE(server_.rings()->ask_for_bytes());
  write(client_, "y");
  EXPECT_EQ(doorbell_->take(), 5u);
}

TEST_F(RingsTest, WhatIsWrittenQuietlyIsThereButRingsOnlyWhenTold) {
  EXPECT_TRUE(server_.rings()->ask_for_bytes());
  client_.rings()->keep_quiet();
  write(client_, "one");
  write(client_, "two");
  EXPECT_FALSE(doorbell_->rung());
  EXPECT_EQ(read(server_, 6), "onetwo");
  client_.rings()->tell();
  EXPECT_EQ(doorbell_->take(), 5u);
  EXPECT_TRUE(server_.rings()->ask_for_bytes());
  client_.rings()->tell();
  EXPECT_FALSE(doorbell_->rung());
  write(client_, "three");
  EXPECT_EQ(doorbell_->take(), 5u);
}

TEST_F(RingsTest, GatheringEndsThoughNothingComes) {
  EXPECT_TRUE(server_.rings()->drained());
  server_.rings()->gather();
  write(client_, "ask");
  write(server_, "answer");
  EXPECT_FALSE(server_.rings()->drained());
  server_.rings()->gather();  // Nothing comes; it ends.
  EXPECT_EQ(read(server_, 3), "ask");
  EXPECT_EQ(read(client_, 6), "answer");
  EXPECT_TRUE(server_.rings()->drained());
}

TEST_F(RingsTest, TheServerHearsOfRoomAtItsDoorbell) {
  EXPECT_EQ(write(server_, std::string(2 * shm::kRingBytes, 'x')).size, shm::kRingBytes);
  EXPECT_EQ(write(server_, "x").io, Io::kWouldBlock);
  EXPECT_TRUE(server_.rings()->ask_for_room());
  read(client_, 100);
  EXPECT_EQ(doorbell_->take(), 5u);
  EXPECT_EQ(write(server_, "x").io, Io::kMoved);
}

TEST_F(RingsTest, AClientThatWaitsIsWokenByBytesAndByRoom) {
  std::thread server([&] { write(server_, "answer"); });
  EXPECT_EQ(read(client_, 6), "answer");
  server.join();

  EXPECT_EQ(write(client_, std::string(shm::kRingBytes, 'x')).size, shm::kRingBytes);
  std::thread taker([&] { EXPECT_EQ(read(server_, 10).substr(0, 10), std::string(10, 'x')); });
  bool writable = false;
  while (!writable) {
    bool readable = false;
    writable = true;
    client_.wait(readable, writable, {});
  }
  taker.join();
}

TEST_F(RingsTest, AClientThatIsNotHeardInsistsAgainAndAgain) {
  EXPECT_TRUE(server_.rings()->ask_for_bytes());
  doorbell_->look(true);  // And does not.
  write(client_, "x");
  const auto wait = [&] {
    bool readable = true;
    bool writable = false;
    EXPECT_EQ(client_.wait(readable, writable, {}), Io::kWouldBlock);
  };
  for (int time = 0; time < 3; ++time) {
    const auto bed = doorbell_->enter();
    std::atomic<bool> woken{false};
    std::thread sleeper([&] {
      doorbell_->sleep(bed);
      woken.store(true);
    });
    while (!woken.load()) wait();
    sleeper.join();
    doorbell_->leave(bed);
  }
}

TEST_F(RingsTest, DescriptorsComeWithTheBytesThatTellOfThem) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  write(client_, "before");
  EXPECT_EQ(write(client_, "along", {&ends[1], 1}).size, 5u);
  ::close(ends[1]);
  std::vector<base::Fd> taken;
  std::byte bytes[100];
  EXPECT_EQ(server_.read(bytes, false, taken).size, 11u);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(::write(taken[0].get(), "!", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  EXPECT_EQ(byte, '!');
  ::close(ends[0]);
}

TEST_F(RingsTest, DescriptorsDoNotLeaveWithoutBytes) {
  write(client_, std::string(shm::kRingBytes, 'x'));
  const int fd = 0;
  EXPECT_EQ(write(client_, "x", {&fd, 1}).io, Io::kWouldBlock);
  char byte;
  EXPECT_EQ(::recv(server_.fd(), &byte, 1, MSG_DONTWAIT), -1);
}

TEST_F(RingsTest, MoreDescriptorsThanTheSocketTakesWaitForTheOtherEnd) {
  const int fd = 0;
  Moved moved{Io::kMoved};
  int sent = 0;
  while ((moved = write(client_, "x", {&fd, 1})).io == Io::kMoved) ++sent;
  EXPECT_EQ(moved.io, Io::kWouldBlock);
  EXPECT_GT(sent, 10);
  std::vector<base::Fd> taken;
  std::byte bytes[10000];
  EXPECT_EQ(server_.read(bytes, false, taken).size, static_cast<size_t>(sent));
  EXPECT_EQ(taken.size(), static_cast<size_t>(sent));
  bool readable = false;
  bool writable = true;
  EXPECT_EQ(client_.wait(readable, writable, {}), Io::kMoved);
  EXPECT_EQ(write(client_, "x", {&fd, 1}).io, Io::kMoved);
}

TEST_F(RingsTest, WhatWasWrittenBeforeTheEndIsReadFirst) {
  write(server_, "last words");
  server_.shutdown();
  EXPECT_EQ(read(client_, 100), "last words");
  EXPECT_EQ(read_now(client_), Io::kClosed);
  EXPECT_EQ(write(client_, "x").io, Io::kClosed);
}

TEST_F(RingsTest, ShutdownEndsAWait) {
  std::thread closer([&] { client_.shutdown(); });
  EXPECT_EQ(read(client_, 1), "");
  closer.join();
}

TEST_F(RingsTest, AClientFindsOutThatItsServerIsGone) {
  doorbell_->let_go();
  EXPECT_EQ(read(client_, 1), "");
  EXPECT_TRUE(client_.rings()->ended());
}

TEST_F(RingsTest, AServerIsToldOfTheEndByItsPoller) {
  write(client_, "x");
  server_.note_edge(true);
  EXPECT_EQ(read(server_, 1), "x");
  EXPECT_EQ(read_now(server_), Io::kClosed);
}

TEST_F(RingsTest, APokeIsOneByteThatTheServerTakesUp) {
  EXPECT_TRUE(server_.rings()->ask_for_bytes());
  doorbell_->ask_for_poke();
  write(client_, "x");
  char byte;
  EXPECT_EQ(::recv(server_.fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK), 1);
  server_.note_edge(false);
  EXPECT_EQ(read(server_, 1), "x");
  EXPECT_EQ(::recv(server_.fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
}

}  // namespace
}  // namespace lp::net
