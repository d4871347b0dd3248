// Whole C++ programs through lp::main, as their users start them: program_test_program.cc.
#include "launchpad/launch/main.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "launchpad/launch/test_programs.h"

namespace lp {
namespace {

using launching::testing::Child;

struct Ended {
  int status;  // The exit status; negative: the signal.
  std::string output, errors;
};

Ended run_program(std::vector<std::string> arguments) {
  launching::testing::TempFolder folder;
  std::vector<std::string> argv = {launching::testing::program("program_test_program")};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.push_back("--lp_run_dir=" + folder.path() + "/r");
  Child child(argv);
  const int status = child.wait();
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), child.output(),
          child.errors()};
}

// Programs in each launch type.
class Main : public testing::TestWithParam<std::string> {
 protected:
  Ended run(const std::string& what) {
    return run_program({what, "--lp_launch_type=" + GetParam()});
  }
  std::string prefixed(const std::string& node, const std::string& line) {
    return GetParam().ends_with("_mp") ? "[" + node + "] " + line : line;
  }
};

TEST_P(Main, AProgramThatANodeStopsExitsWithSuccess) {
  const Ended ended = run("calls");
  EXPECT_EQ(ended.status, 0) << ended.errors;
  EXPECT_EQ(ended.output, prefixed("worker/0", "done\n"));
}

TEST_P(Main, ANodesExceptionIsShownWithItsNameAndEndsTheProgram) {
  const Ended ended = run("throw");
  EXPECT_EQ(ended.status, 1);
  EXPECT_TRUE(ended.errors.ends_with("node 'worker/0' failed: std::invalid_argument: bad luck\n"))
      << ended.errors;
}

TEST_P(Main, AMethodsExceptionArrivesAsRemoteErrorWithItsType) {
  const Ended ended = run("remote");
  EXPECT_EQ(ended.status, 0) << ended.errors;
  EXPECT_NE(ended.output.find("std::out_of_range: no 7"), std::string::npos) << ended.output;
}

TEST_P(Main, ADryRunPrintsTheGraphAndLaunchesNothing) {
  const Ended ended = run_program({"throw", "--lp_dry_run", "--lp_launch_type=" + GetParam()});
  EXPECT_EQ(ended.status, 0) << ended.errors;
  EXPECT_NE(ended.output.find("└─► echo"), std::string::npos) << ended.output;
  EXPECT_EQ(ended.errors, "");
}

TEST_P(Main, AKindOfNodeOfOnesOwnRuns) {
  const Ended ended = run("kind");
  EXPECT_EQ(ended.status, 0) << ended.errors;
  EXPECT_EQ(ended.output, prefixed("greeter/0", "greetings from greeter/0\n"));
}

TEST_P(Main, StopIsAnEventThatNodesWaitFor) {
  const Ended ended = run("event");
  EXPECT_EQ(ended.status, 0) << ended.errors;
  EXPECT_NE(ended.output.find("stop heard"), std::string::npos) << ended.output;
}

TEST_P(Main, StopHandlersAreCalledOnceWithTheirNodesContext) {
  const Ended ended = run("handler");
  EXPECT_EQ(ended.status, 0) << ended.errors;
  EXPECT_EQ(ended.output, prefixed("worker/0", "handler of worker/0\n") +
                              prefixed("worker/0", "a late one, at once\n"));
}

INSTANTIATE_TEST_SUITE_P(LaunchTypes, Main,
                         testing::Values("local_mt", "local_mp", "test_mt", "test_mp"),
                         [](const auto& info) { return info.param; });

TEST(MainAsProcesses, ExitCodesAndSignalsAreNamed) {
  const Ended exited = run_program({"exit", "--lp_launch_type=local_mp"});
  EXPECT_EQ(exited.status, 1);
  EXPECT_TRUE(exited.errors.ends_with("node 'worker/0' exited with code 3\n")) << exited.errors;
  const Ended killed = run_program({"kill", "--lp_launch_type=local_mp"});
  EXPECT_EQ(killed.status, 1);
  EXPECT_TRUE(killed.errors.ends_with("node 'worker/0' was killed by signal 9 (SIGKILL)\n"))
      << killed.errors;
}

TEST(MainAsProcesses, AProgramThatIsDrawnDifferentlyInEachProcessSaysSo) {
  const Ended ended = run_program({"differ", "--lp_launch_type=local_mp"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.errors.find("drew another program than its launcher"), std::string::npos)
      << ended.errors;
}

TEST(MainFlags, AnUnknownLaunchTypeNamesThoseThereAre) {
  const Ended ended = run_program({"calls", "--lp_launch_type=bogus"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.errors.find("'bogus' is no launch type; there is: local_mt, local_mp, test_mt, "
                              "test_mp"),
            std::string::npos)
      << ended.errors;
}

TEST(MainFlags, AnUnknownTerminalNamesThoseThereAre) {
  const Ended ended = run_program({"calls", "--lp_terminal=hologram"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.errors.find("'hologram'; there is current_terminal, output_to_files"),
            std::string::npos)
      << ended.errors;
}

TEST(MainFlags, OutputGoesToFilesOfTheNodes) {
  launching::testing::TempFolder folder;
  ::setenv("LAUNCHPAD_LOGGING_DIR", folder.path().c_str(), 1);
  const Ended ended =
      run_program({"calls", "--lp_launch_type=local_mp", "--lp_terminal=output_to_files"});
  EXPECT_EQ(ended.status, 0) << ended.errors;
  std::ifstream file(folder.path() + "/worker/0");
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "done");
  EXPECT_NE(ended.output.find("Output of worker/0 goes to " + folder.path() + "/worker/0\n"),
            std::string::npos)
      << ended.output;
}

TEST(Launch, WhatTheMachineLacksIsAnErrorBeforeAnythingStarts) {
  const Ended ended = run_program({"cpus"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.errors.find("error: the nodes under 'worker' ask for CPUs [100000], which this "
                              "process may not use"),
            std::string::npos)
      << ended.errors;
  EXPECT_NE(ended.errors.find("warning: the nodes under 'echo' ask for GPUs [1000], of "),
            std::string::npos)
      << ended.errors;
  EXPECT_NE(ended.errors.find("error: resources for the label 'nobody'"), std::string::npos);
  EXPECT_EQ(ended.output, "");
}

TEST(Launch, MayBeCalledTwiceInOneProcess) { EXPECT_EQ(run_program({"twice"}).status, 0); }

TEST(Stop, OutsideOfARunningProgramIsAnError) {
  EXPECT_THROW(stop(), Error);
  EXPECT_THROW(wait_for_stop(), Error);
  EXPECT_THROW(stop_event(), Error);
  EXPECT_THROW(register_stop_handler([] {}), Error);
  EXPECT_THROW(make_program_stopper()(), Error);
}

}  // namespace
}  // namespace lp
