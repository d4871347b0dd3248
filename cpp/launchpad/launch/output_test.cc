#include "launchpad/launch/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <future>

namespace lp::launching {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) ::abort();
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
  void write(const std::string& text) const {
    ASSERT_EQ(::write(writing.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // To the end.
  std::string read() const {
    std::string text;
    char buffer[4096];
    for (ssize_t size; (size = ::read(reading.get(), buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(size));
    }
    return text;
  }

  base::Fd reading, writing;
};

// What a terminal shows of one line of the first node.
std::string shown_on_a_terminal() {
  const base::Fd shown(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (::grantpt(shown.get()) != 0 || ::unlockpt(shown.get()) != 0) return "no terminal";
  const base::Fd terminal(::open(::ptsname(shown.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios mode{};
  ::tcgetattr(terminal.get(), &mode);
  ::cfmakeraw(&mode);
  ::tcsetattr(terminal.get(), TCSANOW, &mode);
  Pipe node;
  node.write("hello\n");
  node.writing.reset();
  Output output(terminal.get(), terminal.get());
  output.add(std::move(node.reading), false, "a/0", 0);
  output.start();
  output.finish();
  char buffer[256];
  const ssize_t size = ::read(shown.get(), buffer, sizeof(buffer));
  return std::string(buffer, static_cast<size_t>(size > 0 ? size : 0));
}

TEST(Output, KeepsTheTwoStreamsApart) {
  Pipe out, err, node_out, node_err;
  Output output(out.writing.get(), err.writing.get());
  node_out.write("to out\n\nand more");
  node_err.write("to err\n");
  node_out.writing.reset();
  node_err.writing.reset();
  output.add(std::move(node_out.reading), false, "a/0", 0);
  output.add(std::move(node_err.reading), true, "a/0", 0);
  output.start();
  output.finish();
  out.writing.reset();
  err.writing.reset();
  EXPECT_EQ(out.read(), "[a/0] to out\n[a/0] \n[a/0] and more\n");
  EXPECT_EQ(err.read(), "[a/0] to err\n");
}

TEST(Output, IsPrintedBeforeTheEnd) {
  Pipe out, node;
  Output output(out.writing.get(), out.writing.get());
  output.add(std::move(node.reading), false, "a/0", 0);
  output.start();
  node.write("early\n");
  char buffer[64];
  EXPECT_EQ(::read(out.reading.get(), buffer, sizeof(buffer)), 12);
  node.writing.reset();
}

TEST(Output, ColoursThePrefixOnATerminalOnly) {
  ::unsetenv("NO_COLOR");
  EXPECT_EQ(shown_on_a_terminal(), "\x1b[1;36m[a/0]\x1b[0m hello\n");
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_EQ(shown_on_a_terminal(), "[a/0] hello\n");
  ::unsetenv("NO_COLOR");
}

TEST(Output, APipeThatStaysOpenHoldsUpTheEndOnlyForAMoment) {
  Pipe out, node;
  node.write("last words");
  Output output(out.writing.get(), out.writing.get());
  output.add(std::move(node.reading), false, "a/0", 0);
  output.start();
  output.finish();
  out.writing.reset();
  EXPECT_EQ(out.read(), "[a/0] last words\n");
}

TEST(Output, NodesGoOnWhenNobodyReadsAnyMore) {
  Pipe out, node;
  out.reading.reset();
  Output output(out.writing.get(), out.writing.get());
  output.add(std::move(node.reading), false, "a/0", 0);
  // As a run's supervising thread has it.
  sigset_t pipe, before;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  output.start();
  for (int i = 0; i < 100; ++i) node.write(std::string(4096, 'x') + "\n");  // Would block for ever.
  node.writing.reset();
  output.finish();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Output, OfAHurryWhatCannotBePrintedIsLost) {
  Pipe out, node;
  Output output(out.writing.get(), out.writing.get());
  output.add(std::move(node.reading), false, "a/0", 0);
  output.start();
  // More than the pipe takes that nobody reads.
  auto writing = std::async(std::launch::async, [&] {
    for (int i = 0; i < 50; ++i) node.write(std::string(4096, 'x') + "\n");
    node.writing.reset();
  });
  output.hurry();
  writing.get();
  output.finish();
}

}  // namespace
}  // namespace lp::launching
