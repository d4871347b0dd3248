// The launcher as a program of its own: what is printed, what signals do, what is left after a
// kill.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "launchpad/launch/test_programs.h"

namespace lp::launching {
namespace {

namespace fs = std::filesystem;
using testing::Child;

class LauncherProcess : public ::testing::Test {
 protected:
  std::vector<std::string> command(const std::vector<std::string>& nodes, int notice = 60'000,
                                   const std::string& type = "local_mp") {
    std::vector<std::string> argv = {testing::program("launcher_test_program"), type, base(),
                                     std::to_string(notice)};
    argv.insert(argv.end(), nodes.begin(), nodes.end());
    return argv;
  }
  std::string base() const { return folder.path() + "/r"; }

  testing::TempFolder folder;
};

bool exited_with(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++found;
  return found;
}

TEST_F(LauncherProcess, PrintsLinesInOrderBehindTheNodesName) {
  Child launcher(command({"a print one two", "b print_unended", "a print three"}));
  EXPECT_TRUE(exited_with(launcher.wait(), 0));
  const std::string& output = launcher.output();
  EXPECT_NE(output.find("[a/0] one\n[a/0] two\n"), output.npos) << output;
  EXPECT_NE(output.find("[a/1] three\n"), output.npos) << output;
  EXPECT_NE(launcher.errors().find("[b/0] no end\n"), output.npos) << launcher.errors();
}

TEST_F(LauncherProcess, LosesNothingAndCutsLinesThatAreTooLong) {
  Child launcher(command({"a print_long 200000"}));
  EXPECT_TRUE(exited_with(launcher.wait(), 0));
  EXPECT_EQ(count(launcher.output(), "x"), 200000u);
  EXPECT_EQ(count(launcher.output(), "[a/0] "), 4u);
}

TEST_F(LauncherProcess, ShowsTheFirstFailureLast) {
  Child launcher(command({"a print before", "b throw badluck", "c wait"}));
  EXPECT_TRUE(exited_with(launcher.wait(), 1));
  EXPECT_TRUE(launcher.errors().ends_with("\nnode 'b/0' failed: std::runtime_error: badluck\n"))
      << launcher.errors();
}

TEST_F(LauncherProcess, ADaemonOfANodeDoesNotHoldUpTheEnd) {
  Child launcher(command({"a daemon"}));
  EXPECT_TRUE(launcher.prints_pids(1));
  const auto pids = launcher.pids();
  // The daemon has the launcher's streams of the node only, not those of the launcher itself.
  EXPECT_TRUE(exited_with(launcher.wait(), 0));
  ASSERT_EQ(pids.size(), 1u);
  EXPECT_EQ(::kill(pids[0], SIGKILL), 0);
}

TEST_F(LauncherProcess, WhatANodeLeftInItsGroupEndsWithIt) {
  Child launcher(command({"a grandchild leave", "b wait"}));
  ASSERT_TRUE(launcher.prints_pids(2));
  for (const pid_t pid : launcher.pids()) EXPECT_TRUE(testing::dies(pid));
}

TEST_F(LauncherProcess, NothingIsLeftWhenTheLauncherIsKilled) {
  Child launcher(command({"a grandchild ignore", "b ignore", "b wait"}));
  ASSERT_TRUE(launcher.prints_pids(3));
  ASSERT_TRUE(fs::exists(base()));
  launcher.signal(SIGKILL);
  launcher.wait();
  for (const pid_t pid : launcher.pids()) EXPECT_TRUE(testing::dies(pid)) << pid;
}

TEST_F(LauncherProcess, TheFirstSignalStops) {
  for (const int number : {SIGINT, SIGTERM}) {
    Child launcher(command({"a wait", "b wait", "b wait_unavailable"}));
    ASSERT_TRUE(launcher.prints("started"));
    launcher.signal(number);
    EXPECT_TRUE(exited_with(launcher.wait(), 0)) << launcher.errors();
    EXPECT_NE(launcher.errors().find(
                  "User-requested termination. Asking nodes to stop (Ctrl-C again kills).\n"),
              std::string::npos);
  }
}

TEST_F(LauncherProcess, TheSecondSignalKills) {
  Child launcher(command({"a ignore", "b wait"}));
  ASSERT_TRUE(launcher.prints("[a/0] pid") && launcher.prints("started"));
  launcher.signal(SIGINT);
  ASSERT_TRUE(launcher.prints("Asking nodes to stop"));
  launcher.signal(SIGINT);
  EXPECT_TRUE(exited_with(launcher.wait(), 1));
  EXPECT_NE(launcher.errors().find("the program was killed before these nodes ended: a/0"),
            std::string::npos)
      << launcher.errors();
}

TEST_F(LauncherProcess, SigquitKills) {
  Child launcher(command({"a ignore", "b wait"}));
  ASSERT_TRUE(launcher.prints("[a/0] pid") && launcher.prints("started"));
  launcher.signal(SIGQUIT);
  EXPECT_TRUE(exited_with(launcher.wait(), 1));
}

TEST_F(LauncherProcess, NamesThoseThatItWaitsForAndThenKills) {
  Child launcher(command({"a ignore", "b wait"}, 1500));
  ASSERT_TRUE(launcher.prints("[a/0] pid") && launcher.prints("started"));
  launcher.signal(SIGINT);
  EXPECT_TRUE(exited_with(launcher.wait(), 0));
  EXPECT_NE(launcher.errors().find("Waiting for nodes to stop for 1 s: a/0"), std::string::npos)
      << launcher.errors();
  EXPECT_NE(launcher.errors().find("these nodes did not stop within 1.5 s and were killed: a/0\n"),
            std::string::npos)
      << launcher.errors();
}

TEST_F(LauncherProcess, ANodeInheritsOnlyItsOwnDescriptors) {
  const base::Fd leaked(::open("/dev/null", O_RDONLY));  // Without O_CLOEXEC.
  Child launcher(command({"a fds", "b fds"}));
  EXPECT_TRUE(exited_with(launcher.wait(), 0));
  // Streams, control and listening socket; the worker makes two events.
  for (const char* line : {"[a/0] fds 0 1 2 3 4 5 6\n", "[b/0] fds 0 1 2 3 4 5 6\n"}) {
    EXPECT_NE(launcher.output().find(line), std::string::npos) << launcher.output();
  }
}

TEST_F(LauncherProcess, ANodeDoesNotSeeWhatMadeItAWorker) {
  Child launcher(command({"a environment LAUNCHPAD_WORKER"}));
  EXPECT_TRUE(exited_with(launcher.wait(), 0));
  EXPECT_EQ(launcher.output(), "[a/0] unset\n");
}

TEST_F(LauncherProcess, WhatAKilledLauncherLeftIsRemovedByTheNext) {
  {
    Child launcher(command({"a ignore"}));
    ASSERT_TRUE(launcher.prints("[a/0] pid"));
    launcher.signal(SIGKILL);
    launcher.wait();
  }
  // The guardian may have been quicker: leave one by hand too.
  fs::create_directories(base() + "/abcdefgh");
  std::ofstream(base() + "/abcdefgh/lock") << "";
  Child next(command({"a return"}));
  EXPECT_TRUE(exited_with(next.wait(), 0)) << next.errors();
  EXPECT_FALSE(fs::exists(base() + "/abcdefgh"));
}

}  // namespace
}  // namespace lp::launching
