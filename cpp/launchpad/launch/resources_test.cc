#include "launchpad/launch/resources.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "launchpad/launch/launcher.h"
#include "launchpad/launch/test_programs.h"

namespace lp::launching {
namespace {

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class ResourcesTest : public ::testing::Test {
 protected:
  // A program of one process, which runs a line of sh and prints to a file.
  Status run(const std::string& line, Resources resources, const std::string& label = "n") {
    graph::Task task;
    task.label = "n";
    task.command = graph::Command{.argv = {"/bin/sh", "-c", line}, .env = {}, .cwd = {}};
    task.command->output = path;
    Options options;
    options.type = LaunchType::kTestProcesses;
    options.run_dir = folder.path() + "/r";
    options.handle_signals = false;
    options.resources[label] = std::move(resources);
    graph::Plan plan;
    plan.program = "p";
    plan.tasks.push_back(std::move(task));
    LP_TRY_ASSIGN(auto run, launch(std::move(plan), std::move(options)));
    return run->wait();
  }

  testing::TempFolder folder;
  const std::string path = folder.path() + "/out";
};

TEST_F(ResourcesTest, EnvironmentFolderAndGpusReachTheProcess) {
  const Status ended = run("echo $COLOUR in $(pwd) with $CUDA_VISIBLE_DEVICES",
                           {.env = {{"COLOUR", "red"}}, .cwd = "/", .gpus = {{0, 3}}});
  ASSERT_TRUE(ended.ok()) << ended.error().message;
  EXPECT_EQ(read(path), "red in / with 0,3\n");
}

TEST_F(ResourcesTest, AnEmptyListOfGpusHidesAll) {
  ASSERT_TRUE(run("echo \"<$CUDA_VISIBLE_DEVICES>\"", {.gpus = std::vector<int>()}).ok());
  EXPECT_EQ(read(path), "<>\n");
}

TEST_F(ResourcesTest, AProcessRunsOnItsCpusOnly) {
  ASSERT_TRUE(run("grep Cpus_allowed_list /proc/self/status", {.cpus = {0}}).ok());
  EXPECT_EQ(read(path), "Cpus_allowed_list:\t0\n");
}

TEST_F(ResourcesTest, ACpuThatIsNotThereIsNamed) {
  const Status ended = run("true", {.cpus = {100'000}});
  EXPECT_EQ(ended.error().code, Code::kInvalidArgument);
  EXPECT_NE(ended.error().message.find("the nodes under 'n' ask for CPUs [100000], which this "
                                       "process may not use; it may use ["),
            std::string::npos)
      << ended.error().message;
}

TEST_F(ResourcesTest, ALabelThatNoNodeHasIsNamedWithThoseThatThereAre) {
  EXPECT_EQ(run("true", {}, "m").error().message,
            "resources for the label 'm', which no node has; there is: 'n'");
}

TEST_F(ResourcesTest, AnOutputFileIsEmptiedFirstAndTakesErrorsToo) {
  std::ofstream(path) << "what an earlier run printed, which was longer";
  ASSERT_TRUE(run("echo out; echo err >&2", {}).ok());
  EXPECT_EQ(read(path), "out\nerr\n");
}

TEST_F(ResourcesTest, AnExitCodeIsKnownAlsoOfWhatPrintsElsewhere) {
  EXPECT_EQ(run("exit 3", {}).error().message, "node 'n/0' exited with code 3");
}

}  // namespace
}  // namespace lp::launching
