// The choice of a terminal, and real tmux with nodes in its windows.
#include "launchpad/launch/terminal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "launchpad/launch/assistant.h"
#include "launchpad/launch/launcher.h"
#include "launchpad/launch/test_programs.h"
#include "launchpad/launch/windows.h"

namespace lp::launching {
namespace {

TEST(Terminal, TheArgumentPrevailsOverTheEnvironment) {
  const Environment environment = {{"LAUNCHPAD_LAUNCH_LOCAL_TERMINAL", "xterm"}};
  EXPECT_EQ(chosen_terminal("", environment).value(), "xterm");
  EXPECT_EQ(chosen_terminal("output_to_files", environment).value(), "output_to_files");
  EXPECT_EQ(chosen_terminal("", {}).value(), "current_terminal");
}

TEST(Terminal, AnUnknownNameIsAnErrorWithTheChoices) {
  const Error given = chosen_terminal("hologram", {}).error();
  EXPECT_EQ(given.code, Code::kInvalidArgument);
  EXPECT_NE(given.message.find("'hologram'; there is current_terminal, output_to_files, "
                               "tmux_session, byobu_session, xterm, gnome-terminal, "
                               "gnome-terminal-tabs"),
            std::string::npos)
      << given.message;
  const Error found =
      chosen_terminal("", {{"LAUNCHPAD_LAUNCH_LOCAL_TERMINAL", "hologram"}}).error();
  EXPECT_NE(found.message.find("LAUNCHPAD_LAUNCH_LOCAL_TERMINAL got"), std::string::npos);
}

TEST(Terminal, AProgramOrADisplayThatIsMissingIsNamed) {
  const Environment nothing = {{"PATH", "/nowhere"}};
  const Environment display = {{"PATH", "/nowhere"}, {"DISPLAY", ":1"}};
  for (const auto& [name, environment, message] :
       {std::tuple("tmux_session", nothing, "needs the program tmux, which is not in PATH"),
        std::tuple("byobu_session", nothing, "needs the program byobu, which is not in PATH"),
        std::tuple("xterm", display, "needs the program xterm, which is not in PATH"),
        std::tuple("gnome-terminal", display, "needs the program gnome-terminal, which is not"),
        std::tuple("xterm", nothing, "needs an X display, and DISPLAY is not set"),
        std::tuple("gnome-terminal-tabs", nothing, "needs an X display")}) {
    const auto made = make_terminal({.name = name}, environment);
    ASSERT_FALSE(made.ok()) << name;
    EXPECT_NE(made.error().message.find(message), std::string::npos) << made.error().message;
  }
}

TEST(Terminal, GnomeTerminalOpensWindowsOrTabs) {
  const Executable program{.path = "/g", .argv = {"gnome-terminal"}, .env = {}, .cwd = {}};
  const auto place = [&](bool tabs, bool first) {
    const auto argv = GnomeTerminal(program, tabs).command("n/1", first, {"sh", "-c", "x"}).argv;
    EXPECT_EQ(std::vector(argv.begin() + 2, argv.end()),
              (std::vector<std::string>{"--title", "n/1", "--", "sh", "-c", "x"}));
    return argv[1];
  };
  EXPECT_EQ(place(true, true), "--window");
  EXPECT_EQ(place(true, false), "--tab");
  EXPECT_EQ(place(false, false), "--window");
}

TEST(Terminal, FilesAreNamedAfterNodes) {
  const testing::TempFolder folder;
  const auto terminal =
      make_terminal({.name = "output_to_files"}, {{"LAUNCHPAD_LOGGING_DIR", folder.path() + "/a"}});
  EXPECT_EQ(terminal.value()->open({"n/0", "m/1"}).value(),
            (std::vector<std::string>{folder.path() + "/a/n/0", folder.path() + "/a/m/1"}));
  EXPECT_TRUE(std::filesystem::is_directory(folder.path() + "/a/m"));
}

TEST(Terminal, AFolderThatCannotBeMadeIsNamed) {
  const testing::TempFolder folder;
  std::ofstream(folder.path() + "/file") << "no folder";
  const auto terminal = make_terminal({.name = "output_to_files"},
                                      {{"LAUNCHPAD_LOGGING_DIR", folder.path() + "/file"}});
  EXPECT_NE(
      terminal.value()->open({"n/0"}).error().message.find("/file/n' (LAUNCHPAD_LOGGING_DIR)"),
      std::string::npos);
}

// A tmux server of the test's own, and a program of processes that run sh.
class TmuxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TMUX_TMPDIR", folder.path().c_str(), 1);
    ::setenv("TERM", "xterm", 1);
    ::setenv("LC_ALL", "C.UTF-8", 1);
    ::unsetenv("TMUX");
  }
  void TearDown() override { tmux({"kill-server"}); }

  std::string tmux(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "tmux");
    const auto command =
        prepare(graph::Command{.argv = arguments, .env = {}, .cwd = {}}, current_environment());
    auto ran = Assistant::start(command.value());
    ran->wait(testing::kPatience);
    return ran->output();
  }
  std::string make_fifo(const std::string& name) {
    const std::string path = folder.path() + "/" + name;
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    return path;
  }
  std::string read_line(const std::string& path) {
    std::string line;
    std::ifstream file(path);
    std::getline(file, line);
    return line;
  }
  // A node for each line of sh.
  Result<std::unique_ptr<launching::Run>> start(const std::vector<std::string>& lines,
                                                const std::string& shell = "/bin/sh") {
    graph::Plan plan;
    plan.program = "p";
    for (const std::string& line : lines) {
      graph::Task task;
      task.label = "n";
      task.number = task.index = static_cast<int>(plan.tasks.size());
      task.command = graph::Command{.argv = {shell, "-c", line}, .env = {}, .cwd = {}};
      plan.tasks.push_back(std::move(task));
    }
    Options options;
    options.type = LaunchType::kLocalProcesses;
    options.run_dir = folder.path() + "/r";
    options.handle_signals = false;
    options.termination_notice = {};
    options.terminal.name = "tmux_session";
    options.terminal.tmux_session_name = "mine";
    return launch(std::move(plan), std::move(options));
  }
  void wait_until_no_session_is_left() {
    while (tmux({"list-sessions"}).find("mine") != std::string::npos) {
    }
  }

  testing::TempFolder folder;
};

TEST_F(TmuxTest, ANodeHasItsWindowForInputAndOutputUntilTheRunIsOver) {
  const std::string said = make_fifo("said"), heard = make_fifo("heard");
  auto run = start({"test -t 0 && test -t 1 && echo hello from a node && echo yes >" + said +
                        "; read line; echo $line >" + heard + "; exec sleep 1000",
                    "exec sleep 1000"});
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(read_line(said), "yes");
  EXPECT_EQ(tmux({"list-windows", "-t", "=mine:", "-F", "#{window_name}"}), "n/0\nn/1");
  while (tmux({"capture-pane", "-p", "-t", "=mine:0"}).find("hello from a node") ==
         std::string::npos) {
  }
  tmux({"send-keys", "-t", "=mine:0", "typed", "Enter"});
  EXPECT_EQ(read_line(heard), "typed");
  run.value()->kill();
  EXPECT_FALSE(run.value()->wait().ok());
  wait_until_no_session_is_left();
}

TEST_F(TmuxTest, AFailingNodeEndsTheRunAndClosesTheWindows) {
  auto run = start({"exit 3", "exec sleep 1000"});
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run.value()->wait().error().message, "node 'n/0' exited with code 3");
  wait_until_no_session_is_left();
}

TEST_F(TmuxTest, ASessionNameThatIsTakenGetsANumber) {
  tmux({"new-session", "-d", "-s", "mine", "sleep 1000"});
  const std::string said = make_fifo("said");
  auto run = start({"echo up >" + said + "; exec sleep 1000"});
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(read_line(said), "up");
  EXPECT_EQ(tmux({"list-sessions", "-F", "#{session_name}"}), "mine\nmine_0");
  run.value()->kill();
  (void)run.value()->wait();
}

TEST_F(TmuxTest, AProgramThatCannotStartOpensNoWindow) {
  const auto run = start({"true"}, "no-such-program");
  ASSERT_FALSE(run.ok());
  EXPECT_NE(run.error().message.find("'no-such-program'"), std::string::npos);
  EXPECT_EQ(tmux({"list-sessions"}), "");
}

}  // namespace
}  // namespace lp::launching
