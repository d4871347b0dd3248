#include "launchpad/launch/fork_server.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>

#include <atomic>
#include <fstream>
#include <future>
#include <iostream>
#include <random>
#include <sstream>
#include <thread>

#include "launchpad/launch/launcher.h"
#include "launchpad/launch/test_programs.h"

namespace lp::launching {
namespace {

namespace fs = std::filesystem;
using testing::Child;

// Whether a node of behaviour "fork" was one. A thread of ThreadSanitizer's own, which some
// versions have from the start, makes its programs none that can be forked.
bool was_forked(const std::string& printed) {
#ifdef __SANITIZE_THREAD__
  if (printed == "afresh\n") return true;
#endif
  return printed == "fork\n";
}

const std::vector<std::string>& command() {
  static const std::vector<std::string> argv = {testing::program("node_test_program"), "env"};
  return argv;
}

// Nodes that print to a file each and do what the words say.
class ForkServerTest : public ::testing::Test {
 protected:
  void add(const std::string& behaviour, std::map<std::string, std::string> env = {}) {
    graph::Task task;
    task.label = "n";
    task.number = task.index = static_cast<int>(plan.tasks.size());
    task.serves = true;
    env["LP_TEST_NODE"] = behaviour;
    task.command = graph::Command{command(), std::move(env), "", {}, output(task.index)};
    plan.tasks.push_back(std::move(task));
  }
  graph::Command& last() { return *plan.tasks.back().command; }
  std::string output(int index) const { return folder.path() + "/" + std::to_string(index); }
  std::string printed(int index) const {
    std::ostringstream text;
    text << std::ifstream(output(index)).rdbuf();
    return text.str();
  }

  std::shared_ptr<ForkServer> start(ForkServerOptions options = {}) {
    options.command.argv = command();
    return ForkServer::start(options).value_or_throw();
  }
  Status run(std::shared_ptr<ForkServer> server) {
    Options options;
    options.type = LaunchType::kTestProcesses;
    options.run_dir = folder.path() + "/r";
    options.termination_notice = std::chrono::seconds(60);
    options.handle_signals = false;
    options.fork_server = std::move(server);
    LP_TRY_ASSIGN(auto run, launch(plan, options));
    return run->wait();
  }
  std::string failure(std::shared_ptr<ForkServer> server) {
    const Status ended = run(std::move(server));
    return ended.ok() ? "" : ended.error().message;
  }

  testing::TempFolder folder;
  graph::Plan plan{"test", {}};
};

TEST_F(ForkServerTest, ForksForNodesOfItsCommand) {
  add("fork");
  add("fork");
  EXPECT_EQ(failure(start()), "");
  EXPECT_TRUE(was_forked(printed(0))) << printed(0);
  EXPECT_TRUE(was_forked(printed(1))) << printed(1);
}

TEST_F(ForkServerTest, AForkIsAChildOfTheLauncherInAGroupOfItsOwn) {
  add("group " + std::to_string(::getpid()));
  EXPECT_EQ(failure(start()), "");
  EXPECT_EQ(printed(0), "own\n");
}

TEST_F(ForkServerTest, TheLauncherLearnsHowAForkEnded) {
  add("exit 3");
  EXPECT_NE(failure(start()).find("exited with code 3"), std::string::npos);
  plan.tasks.clear();
  add("signal " + std::to_string(SIGSEGV));
  EXPECT_NE(failure(start()).find("SIGSEGV"), std::string::npos);
  plan.tasks.clear();
  add("throw badluck");
  EXPECT_NE(failure(start()).find("badluck"), std::string::npos);
}

TEST_F(ForkServerTest, AForkHasItsOwnDescriptorsEnvironmentAndDirectory) {
  add("fds");
  add("environment LP_TEST_MINE", {{"LP_TEST_MINE", "mine"}});
  add("environment LP_TEST_SERVER");
  add("environment LAUNCHPAD_FORK_SERVER");
  add("environment LAUNCHPAD_WORKER");
  add("where");
  last().cwd = fs::canonical(folder.path()).string();
  EXPECT_EQ(failure(start({.env = {{"LP_TEST_SERVER", "1"}}})), "");
  EXPECT_EQ(printed(0), "fds 0 1 2 3 4 5 6\n");
  EXPECT_EQ(printed(1), "mine\n");
  EXPECT_EQ(printed(2), "unset\n");
  EXPECT_EQ(printed(3), "unset\n");
  EXPECT_EQ(printed(4), "unset\n");
  EXPECT_EQ(printed(5), "n/5 of test in " + last().cwd + "\n");
}

TEST_F(ForkServerTest, ANodeThatCannotGoToItsDirectorySaysSo) {
  add("wait");
  add("return");
  last().cwd = "/there/is/none";
  EXPECT_NE(failure(start()).find("cannot change to its directory '/there/is/none'"),
            std::string::npos);
}

TEST_F(ForkServerTest, WhatAForkWouldGetWrongIsStartedAfresh) {
  add("fork", {{"START_X", "1"}});
  add("fork", {{"EXACT", "1"}});
  add("fork", {{"EXACTLY", "1"}});
  add("fork");
  last().cpus = {0};
  add("fork");
  last().argv.push_back("more");
  EXPECT_EQ(failure(start({.start_variables = {"START_*", "EXACT"}, .counted_cpus = true})), "");
  EXPECT_EQ(printed(0), "afresh\n");
  EXPECT_EQ(printed(1), "afresh\n");
  EXPECT_TRUE(was_forked(printed(2))) << printed(2);
  EXPECT_EQ(printed(3), "afresh\n");
  EXPECT_EQ(printed(4), "afresh\n");
}

TEST_F(ForkServerTest, AProcessWithThreadsIsNotForked) {
  add("fork");
  add("fork");
  EXPECT_EQ(failure(start({.env = {{"LP_TEST_THREADS", "1"}}})), "");
  EXPECT_EQ(printed(0), "afresh\n");
  EXPECT_EQ(printed(1), "afresh\n");
}

TEST_F(ForkServerTest, ADeadServerIsDoneWithout) {
  for (int i = 0; i < 20; ++i) add("fork");
  auto server = start();
  ::kill(server->pid(), SIGKILL);
  EXPECT_EQ(failure(std::move(server)), "");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(printed(i), "afresh\n");
}

TEST_F(ForkServerTest, AServerKilledAtAnyMomentLosesNoNode) {
  const unsigned seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937 random(seed);
  for (int i = 0; i < 24; ++i) add("fork");
  int forks = 0;
  for (int round = 0; round < 8; ++round) {
    auto server = start();
    const std::string last = output(static_cast<int>(random() % 24));
    fs::remove(last);
    // Before the first fork, or once a node that is drawn by lot has run.
    const bool early = random() % 4 == 0;
    std::atomic<bool> over{false};
    const base::Fd watched(pidfd_open(server->pid()));
    const auto killer = std::async(std::launch::async, [&] {
      while (!fs::exists(last) || (!early && fs::file_size(last) == 0 && !over))
        std::this_thread::yield();
      ::syscall(SYS_pidfd_send_signal, watched.get(), SIGKILL, nullptr, 0);
    });
    EXPECT_EQ(failure(server), "");
    over = true;
    killer.wait();
    for (int i = 0; i < 24; ++i) {
      EXPECT_TRUE(printed(i) == "fork\n" || printed(i) == "afresh\n") << i << printed(i);
      forks += printed(i) == "fork\n";
    }
  }
  std::cout << forks << " forks" << std::endl;
}

TEST_F(ForkServerTest, ACommandThatIsNotThereIsAnError) {
  ForkServerOptions options;
  options.command.argv = {"/there/is/none"};
  const auto server = ForkServer::start(options);
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.error().code, Code::kNotFound);
}

std::string children() {
  std::string all;
  for (const auto& thread : fs::directory_iterator("/proc/self/task")) {
    std::ostringstream text;
    text << std::ifstream(thread.path() / "children").rdbuf();
    all += text.str();
  }
  return all;
}

size_t descriptors() {
  const fs::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), fs::directory_iterator()));
}

TEST_F(ForkServerTest, ManyLaunchesLeaveNothing) {
  add("return");
  add("return");
  ASSERT_EQ(failure(start()), "");
  const size_t before = descriptors();
  for (int i = 0; i < 30; ++i) ASSERT_EQ(failure(start()), "");
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(children(), "");
}

TEST_F(ForkServerTest, NothingIsLeftWhenTheLauncherIsKilled) {
  ::setenv("LP_TEST_FORKS", "1", 1);
  Child launcher({testing::program("launcher_test_program"), "local_mp", folder.path() + "/r",
                  "60000", "a grandchild ignore", "b ignore", "b wait"});
  ASSERT_TRUE(launcher.prints_pids(4));
  launcher.signal(SIGKILL);
  launcher.wait();
  for (const pid_t pid : launcher.pids()) EXPECT_TRUE(testing::dies(pid)) << pid;
  ::unsetenv("LP_TEST_FORKS");
}

TEST_F(ForkServerTest, AServerThatStillWarmsUpDiesWithTheLauncher) {
  ::setenv("LP_TEST_FORKS", "1", 1);
  ::setenv("LP_TEST_HANG", "1", 1);
  Child launcher({testing::program("launcher_test_program"), "local_mp", folder.path() + "/r",
                  "60000", "a wait", "b wait"});
  ASSERT_TRUE(launcher.prints_pids(1));
  launcher.signal(SIGKILL);
  launcher.wait();
  EXPECT_TRUE(testing::dies(launcher.pids()[0]));
  ::unsetenv("LP_TEST_FORKS");
  ::unsetenv("LP_TEST_HANG");
}

// Until the process has a handler of the signal, as launchers have from their start on.
void until_it_hears(pid_t pid, int number) {
  for (uint64_t caught = 0; (caught >> (number - 1) & 1) == 0; std::this_thread::yield()) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("SigCgt:")) caught = std::stoull(line.substr(7), nullptr, 16);
    }
  }
}

TEST_F(ForkServerTest, AServerThatStillWarmsUpDoesNotHoldUpASignal) {
  ::setenv("LP_TEST_FORKS", "1", 1);
  ::setenv("LP_TEST_HANG", "1", 1);
  Child launcher({testing::program("launcher_test_program"), "local_mp", folder.path() + "/r",
                  "60000", "a wait", "b wait"});
  ASSERT_TRUE(launcher.prints("pid"));
  until_it_hears(launcher.pid(), SIGINT);
  launcher.signal(SIGINT);
  const int status = launcher.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << launcher.errors();
  EXPECT_TRUE(testing::dies(launcher.pids()[0]));
  ::unsetenv("LP_TEST_FORKS");
  ::unsetenv("LP_TEST_HANG");
}

}  // namespace
}  // namespace lp::launching
