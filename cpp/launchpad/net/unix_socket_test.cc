#include "launchpad/net/unix_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace lp::net {
namespace {

namespace fs = std::filesystem;

// Each test has a directory of its own.
class UnixSocket : public testing::Test {
 protected:
  UnixSocket() { directory_ = ::mkdtemp(directory_.data()); }
  ~UnixSocket() override { fs::remove_all(directory_); }

  Address address(const std::string& name = "s") const {
    return {Kind::kUnix, directory_ + "/" + name, 0};
  }

  std::string directory_ = testing::TempDir() + "lp_unix_XXXXXX";
};

bool accepts(Listener& listener) {
  bool readable = true;
  bool writable = false;
  wait_for(listener.fd(), readable, writable, base::Deadline::after(std::chrono::seconds(20)));
  const auto socket = listener.accept();
  return socket.ok() && socket.value().has_value();
}

TEST_F(UnixSocket, FileEndsWithItsListener) {
  auto listener = listen_unix(address());
  ASSERT_TRUE(listener.ok());
  EXPECT_TRUE(fs::is_socket(address().name));
  listener.value().reset();
  EXPECT_FALSE(fs::exists(address().name));
}

TEST_F(UnixSocket, FileThatAKilledServerLeftIsTakenOver) {
  ASSERT_TRUE(bind_unix(address()).ok());  // The descriptor is closed at once, the file stays.
  ASSERT_TRUE(fs::is_socket(address().name));
  EXPECT_EQ(connect_unix(address()).error().code, Code::kNotFound);
  const auto listener = listen_unix(address());
  ASSERT_TRUE(listener.ok()) << listener.error().message;
  EXPECT_TRUE(connect_unix(address()).ok());
  EXPECT_TRUE(accepts(*listener.value()));
}

TEST_F(UnixSocket, FileThatIsNoSocketIsNotTakenOver) {
  std::ofstream(address("notes.txt").name) << "dear diary";
  const auto listener = listen_unix(address("notes.txt"));
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error().code, Code::kAlreadyExists);
  EXPECT_NE(listener.error().message.find("is in the way"), std::string::npos)
      << listener.error().message;
  std::string text;
  std::getline(std::ifstream(address("notes.txt").name), text);
  EXPECT_EQ(text, "dear diary");
}

TEST_F(UnixSocket, SocketOfAnotherKindIsNotTakenOver) {
  const base::Fd other(::socket(AF_UNIX, SOCK_DGRAM, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, address().name.c_str(), sizeof(name.sun_path) - 1);
  ASSERT_EQ(::bind(other.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  const auto listener = listen_unix(address());
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error().code, Code::kAlreadyExists) << listener.error().message;
  EXPECT_TRUE(fs::is_socket(address().name));
}

TEST_F(UnixSocket, InADirectoryThatIsNotThereIsAnInvalidArgument) {
  const auto listener = listen_unix(address("missing/s"));
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error().code, Code::kInvalidArgument);
  EXPECT_NE(listener.error().message.find("No such file or directory"), std::string::npos);
  EXPECT_EQ(connect_unix(address("missing/s")).error().code, Code::kNotFound);
}

TEST_F(UnixSocket, PathThatIsTooLongIsRefusedAndNeverCut) {
  // Two paths that would be the same once they are cut.
  const std::string base(107 - directory_.size() - 1, 'p');
  for (const std::string& name : {base + "1", base + "2"}) {
    for (const Error& error : {listen_unix(address(name)).error(), bind_unix(address(name)).error(),
                               connect_unix(address(name)).error()}) {
      EXPECT_EQ(error.code, Code::kInvalidArgument);
      EXPECT_NE(error.message.find("has 108 bytes, a Unix socket's may have 107"),
                std::string::npos)
          << error.message;
    }
  }
  EXPECT_TRUE(fs::is_empty(directory_));
  EXPECT_TRUE(listen_unix(address(base)).ok());
}

TEST_F(UnixSocket, AdoptedListenerAcceptsAndLeavesTheFile) {
  auto fd = bind_unix(address());
  ASSERT_TRUE(fd.ok());
  // Clients may connect before the worker that will serve them adopted the socket.
  auto client = connect_unix(address());
  ASSERT_TRUE(client.ok());
  auto listener = adopt_listener(std::move(fd).value(), address());
  EXPECT_EQ(listener->address(), address());
  EXPECT_TRUE(accepts(*listener));
  EXPECT_FALSE(listener->accept().value().has_value());
  listener.reset();
  EXPECT_TRUE(fs::exists(address().name));
  EXPECT_EQ(connect_unix(address()).error().code, Code::kNotFound);
}

TEST_F(UnixSocket, AdoptedListenerNeitherWaitsNorIsInheritedFurther) {
  auto fd = bind_unix(address());
  ASSERT_TRUE(fd.ok());
  // As a descriptor may come: blocking, and inherited over exec.
  ::fcntl(fd.value().get(), F_SETFL, ::fcntl(fd.value().get(), F_GETFL) & ~O_NONBLOCK);
  ::fcntl(fd.value().get(), F_SETFD, 0);
  auto listener = adopt_listener(std::move(fd).value(), address());
  EXPECT_NE(::fcntl(listener->fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(listener->fd(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_FALSE(listener->accept().value().has_value());
}

TEST_F(UnixSocket, RelativePathIsInTheWorkingDirectory) {
  const fs::path before = fs::current_path();
  fs::current_path(directory_);
  {
    const auto listener = listen_unix({Kind::kUnix, "here", 0});
    EXPECT_TRUE(listener.ok());
    EXPECT_TRUE(fs::is_socket(address("here").name));
  }
  EXPECT_FALSE(fs::exists(address("here").name));
  fs::current_path(before);
}

}  // namespace
}  // namespace lp::net
