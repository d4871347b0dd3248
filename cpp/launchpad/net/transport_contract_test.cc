// What every transport promises. A transport joins with two lines at the end of this file.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "launchpad/net/transport.h"

namespace lp::net {
namespace {

using namespace std::chrono_literals;

// Only a broken transport lets a wait come near this.
const base::Nanos kPatience = 20s;

// An address that a test may listen at.
using FreeAddress = Address (*)();

class TransportContract : public testing::TestWithParam<FreeAddress> {
 protected:
  void SetUp() override {
    auto listener = listen(GetParam()());
    ASSERT_TRUE(listener.ok()) << listener.error().message;
    listener_ = std::move(listener).value();
  }

  const Address& address() const { return listener_->address(); }

  Socket connected() {
    auto socket = connect(address());
    EXPECT_TRUE(socket.ok()) << (socket.ok() ? "" : socket.error().message);
    return socket.ok() ? std::move(socket).value() : Socket();
  }

  Socket accepted() {
    bool readable = true;
    bool writable = false;
    EXPECT_EQ(wait_for(listener_->fd(), readable, writable, base::Deadline::after(kPatience)),
              Io::kMoved);
    auto socket = listener_->accept();
    if (!socket.ok() || !socket->has_value()) {
      ADD_FAILURE() << "no connection waits";
      return Socket();
    }
    return std::move(**socket);
  }

  std::pair<Socket, Socket> connected_pair() {
    Socket client = connected();
    return {std::move(client), accepted()};
  }

  std::unique_ptr<Listener> listener_;
};

iovec part_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

Moved write_text(Socket& socket, std::string_view text) {
  const iovec part = part_of(text);
  return socket.write({&part, 1});
}

// Reads until `size` bytes came or the connection ended.
std::string read_text(Socket& socket, size_t size) {
  std::string text(size, '\0');
  size_t at = 0;
  while (at < size) {
    const Moved moved = socket.read(std::as_writable_bytes(std::span(text)).subspan(at), true);
    if (moved.io == Io::kClosed) break;
    at += moved.size;
  }
  text.resize(at);
  return text;
}

Io read_io(Socket& socket, bool wait) {
  std::byte space[16];
  return socket.read(space, wait).io;
}

// Writes until nothing fits; how many bytes that were.
size_t fill(Socket& socket) {
  const std::string chunk(100'000, 'x');
  size_t total = 0;
  while (true) {
    const Moved moved = write_text(socket, chunk);
    if (moved.io != Io::kMoved) {
      EXPECT_EQ(moved.io, Io::kWouldBlock);
      return total;
    }
    total += moved.size;
  }
}

TEST_P(TransportContract, EchoesWhatIsSent) {
  auto [client, server] = connected_pair();
  EXPECT_EQ(write_text(client, "ping").size, 4u);
  EXPECT_EQ(read_text(server, 4), "ping");
  EXPECT_EQ(write_text(server, "pong!").size, 5u);
  EXPECT_EQ(read_text(client, 5), "pong!");
}

TEST_P(TransportContract, NamesTheAddressThatClientsConnectTo) {
  EXPECT_EQ(Address::parse(address().str()).value(), address());
  EXPECT_TRUE(connect(Address::parse(address().str()).value()).ok());
}

TEST_P(TransportContract, WritesManyPartsInOrder) {
  auto [client, server] = connected_pair();
  // More parts than the kernel takes in one call.
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::to_string(i);
  std::vector<iovec> parts;
  for (size_t i = 0; i < text.size(); ++i)
    parts.push_back(part_of(std::string_view(text).substr(i, 1)));
  std::string got;
  for (size_t sent = 0; sent < parts.size();) {
    const Moved moved = client.write(std::span(parts).subspan(sent));
    ASSERT_EQ(moved.io, Io::kMoved);
    ASSERT_GT(moved.size, 0u);
    sent += moved.size;
    got += read_text(server, moved.size);
  }
  EXPECT_EQ(got, text);
}

TEST_P(TransportContract, ReadWouldBlockWhenNothingIsThere) {
  auto [client, server] = connected_pair();
  EXPECT_EQ(read_io(client, false), Io::kWouldBlock);
  EXPECT_EQ(read_io(server, false), Io::kWouldBlock);
}

TEST_P(TransportContract, ReadsWhatWasSentAndThenClosedWhenThePeerCloses) {
  auto [client, server] = connected_pair();
  write_text(server, "last");
  server = Socket();
  EXPECT_EQ(read_text(client, 4), "last");
  EXPECT_EQ(read_io(client, true), Io::kClosed);
  EXPECT_EQ(read_io(client, false), Io::kClosed);
}

TEST_P(TransportContract, WritingToAClosedPeerIsClosedAndNoSignal) {
  auto [client, server] = connected_pair();
  server = Socket();
  // Over tcp the first write may still go, the peer's answer to it ends the connection.
  Io io = Io::kMoved;
  while (io == Io::kMoved) {
    io = write_text(client, "x").io;
    if (io == Io::kMoved) read_io(client, true);
  }
  EXPECT_EQ(io, Io::kClosed);
}

TEST_P(TransportContract, ShutdownEndsAReadThatWaitsInAnotherThread) {
  auto [client, server] = connected_pair();
  Io io = Io::kMoved;
  std::thread reader([&, socket = &client] { io = read_io(*socket, true); });
  client.shutdown();
  reader.join();
  EXPECT_EQ(io, Io::kClosed);
  EXPECT_EQ(write_text(client, "x").io, Io::kClosed);
  EXPECT_EQ(read_io(server, true), Io::kClosed);
  client.shutdown();  // Again is harmless.
}

TEST_P(TransportContract, ShutdownShowsItselfToWhoWaitsForRoomToWrite) {
  auto [client, server] = connected_pair();
  fill(client);
  client.shutdown();
  bool readable = false;
  bool writable = true;
  EXPECT_EQ(wait_for(client.fd(), readable, writable, base::Deadline::after(kPatience)),
            Io::kMoved);
  EXPECT_TRUE(writable);  // Or a writer would go round and round, as nothing else will come.
  EXPECT_EQ(write_text(client, "x").io, Io::kClosed);
}

void ignore_signal(int) {}

TEST_P(TransportContract, ASignalInterruptsAReadThatWaits) {
  auto [client, server] = connected_pair();
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = ignore_signal;  // Without SA_RESTART, as Python's handlers.
  ::sigaction(SIGUSR1, &action, &before);
  std::atomic<bool> done = false;
  Io io = Io::kMoved;
  std::thread reader([&, socket = &client] {
    io = read_io(*socket, true);
    done = true;
  });
  // Again and again: the first signals may come before the thread waits.
  while (!done) {
    ::pthread_kill(reader.native_handle(), SIGUSR1);
    std::this_thread::yield();
  }
  reader.join();
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(io, Io::kInterrupted);
  write_text(server, "fine");
  EXPECT_EQ(read_text(client, 4), "fine");
}

TEST_P(TransportContract, ALargeWriteIsCutAtWhatFitsAndTheRestGoesOnceThePeerReads) {
  auto [client, server] = connected_pair();
  std::string text(64 << 20, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 >> 4);
  size_t sent = write_text(client, text).size;
  ASSERT_GT(sent, 0u);
  ASSERT_LT(sent, text.size());
  std::string got;
  std::thread reader([&, socket = &server] { got = read_text(*socket, text.size()); });
  size_t waits = 0;
  while (sent < text.size()) {
    bool readable = false;
    bool writable = true;
    if (wait_for(client.fd(), readable, writable, base::Deadline::after(kPatience)) != Io::kMoved)
      break;
    ++waits;
    sent += write_text(client, std::string_view(text).substr(sent)).size;
  }
  if (sent < text.size()) client.shutdown();
  reader.join();
  EXPECT_GT(waits, 0u);
  EXPECT_TRUE(got == text);
}

TEST_P(TransportContract, ReadingAndWritingGoOnAtTheSameTimeInTwoThreads) {
  auto [client, server] = connected_pair();
  const std::string text(1 << 20, 'b');
  const auto send = [&](Socket& socket) {
    for (size_t sent = 0; sent < text.size();) {
      bool readable = false;
      bool writable = true;
      wait_for(socket.fd(), readable, writable, base::Deadline::after(kPatience));
      const Moved moved = write_text(socket, std::string_view(text).substr(sent));
      if (moved.io == Io::kClosed) return;
      sent += moved.size;
    }
  };
  std::thread first([&, socket = &client] { send(*socket); });
  std::thread second([&, socket = &server] { send(*socket); });
  std::string at_server;
  std::thread third([&, socket = &server] { at_server = read_text(*socket, text.size()); });
  EXPECT_TRUE(read_text(client, text.size()) == text);
  for (std::thread* thread : {&first, &second, &third}) thread->join();
  EXPECT_TRUE(at_server == text);
}

TEST_P(TransportContract, ConnectingWhereNobodyListensIsNotFound) {
  const Address closed = address();
  listener_.reset();
  const auto socket = connect(closed);
  ASSERT_FALSE(socket.ok());
  EXPECT_EQ(socket.error().code, Code::kNotFound) << socket.error().message;
  EXPECT_NE(socket.error().message.find("'" + closed.str() + "'"), std::string::npos);
}

TEST_P(TransportContract, ASecondListenerAtAnAddressAlreadyExists) {
  const auto second = listen(address());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kAlreadyExists) << second.error().message;
  // The first is unharmed. (Unix sockets are tried by connecting: take that one away.)
  while (listener_->accept().value().has_value()) continue;
  auto [client, server] = connected_pair();
  write_text(client, "still here");
  EXPECT_EQ(read_text(server, 10), "still here");
}

TEST_P(TransportContract, AnAddressIsFreeAgainOnceItsListenerEnded) {
  auto [client, server] = connected_pair();
  const Address same = address();
  listener_.reset();
  auto again = listen(same);
  ASSERT_TRUE(again.ok()) << again.error().message;
  listener_ = std::move(again).value();
  write_text(client, "old");
  EXPECT_EQ(read_text(server, 3), "old");  // What was accepted goes on.
  auto [new_client, new_server] = connected_pair();
  write_text(new_client, "new");
  EXPECT_EQ(read_text(new_server, 3), "new");
}

TEST_P(TransportContract, AConnectionThatNobodyAcceptedEndsWithItsListener) {
  Socket client = connected();
  listener_.reset();
  EXPECT_EQ(read_io(client, true), Io::kClosed);
}

TEST_P(TransportContract, AcceptNeverWaits) {
  EXPECT_FALSE(listener_->accept().value().has_value());
  auto [client, server] = connected_pair();
  EXPECT_FALSE(listener_->accept().value().has_value());
}

TEST_P(TransportContract, TheListenerIsReadableExactlyWhileAConnectionWaits) {
  const auto waits = [&] {
    bool readable = true;
    bool writable = false;
    return wait_for(listener_->fd(), readable, writable, base::Deadline::after(0ns)) == Io::kMoved;
  };
  EXPECT_FALSE(waits());
  auto [first, first_server] = connected_pair();
  EXPECT_FALSE(waits());
  Socket second = connected();
  Socket third = connected();
  accepted();
  accepted();
  EXPECT_FALSE(waits());
}

TEST_P(TransportContract, EveryConnectionIsAcceptedOnceByWhicheverThread) {
  constexpr int kConnections = 60;
  std::atomic<int> accepted_count = 0;
  const auto accept_some = [&] {
    const auto deadline = base::Deadline::after(kPatience);
    while (accepted_count < kConnections && !deadline.passed()) {
      bool readable = true;
      bool writable = false;
      wait_for(listener_->fd(), readable, writable, base::Deadline::after(1ms));
      auto socket = listener_->accept();
      if (!socket.ok() || !socket->has_value()) continue;
      write_text(**socket, std::to_string(accepted_count++ % 10));
    }
  };
  std::thread first(accept_some);
  std::thread second(accept_some);
  std::vector<Socket> clients;
  for (int i = 0; i < kConnections; ++i) clients.push_back(connected());
  for (Socket& client : clients) EXPECT_EQ(read_text(client, 2).size(), 1u);
  first.join();
  second.join();
  EXPECT_EQ(accepted_count, kConnections);
}

TEST_P(TransportContract, DescriptorsAreNotInheritedByProgramsThatAreStarted) {
  auto [client, server] = connected_pair();
  for (const int fd : {listener_->fd(), client.fd(), server.fd()}) {
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
}

// While it lives, this process can open no more descriptors.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next_free = ::dup(0);
    ::close(next_free);
    const rlimit none{static_cast<rlim_t>(next_free), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_P(TransportContract, RunningOutOfDescriptorsIsResourceExhausted) {
  const Address other = GetParam()();
  Socket waiting = connected();
  bool readable = true;
  bool writable = false;
  wait_for(listener_->fd(), readable, writable, base::Deadline::after(kPatience));
  Result<std::unique_ptr<Listener>> listening = Error();
  Result<Socket> connecting = Error();
  {
    const NoMoreDescriptors none;
    listening = listen(other);
    connecting = connect(address());
  }
  ASSERT_FALSE(listening.ok());
  EXPECT_EQ(listening.error().code, Code::kResourceExhausted) << listening.error().message;
  ASSERT_FALSE(connecting.ok());
  EXPECT_EQ(connecting.error().code, Code::kResourceExhausted) << connecting.error().message;
  // Nothing is left behind that would be in the way later.
  EXPECT_TRUE(listen(other).ok());
}

// Sockets and their names live in a directory of their own, which ends with the process.
const std::string& directory() {
  struct Directory {
    Directory() { path = ::mkdtemp(path.data()); }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string path = testing::TempDir() + "lp_net_XXXXXX";
  };
  static const Directory directory;
  return directory.path;
}

Address free_name(Kind kind, const std::string& prefix) {
  static std::atomic<int> next = 0;
  return Address{kind, prefix + std::to_string(next++), 0};
}

Address free_unix() { return free_name(Kind::kUnix, directory() + "/s"); }
INSTANTIATE_TEST_SUITE_P(Unix, TransportContract, testing::Values(&free_unix));

Address free_tcp() { return Address{Kind::kTcp, "127.0.0.1", 0}; }
INSTANTIATE_TEST_SUITE_P(Tcp, TransportContract, testing::Values(&free_tcp));

Address free_inproc() { return free_name(Kind::kInproc, "contract"); }
INSTANTIATE_TEST_SUITE_P(Inproc, TransportContract, testing::Values(&free_inproc));

}  // namespace
}  // namespace lp::net
