#include "launchpad/launch/launcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <span>
#include <sstream>
#include <thread>

#include "launchpad/launch/test_programs.h"

namespace lp::launching {
namespace {

namespace fs = std::filesystem;
using run::Context;
using testing::TempFolder;

// A plan of node_test_programs, from words such as {"a exit 3", "b wait"}.
graph::Plan plan_of(const std::vector<std::string>& nodes) {
  graph::Plan plan;
  plan.program = "test";
  std::map<std::string, int> count;
  for (const std::string& node : nodes) {
    std::istringstream words(node);
    graph::Task task;
    words >> task.label;
    task.number = static_cast<int>(plan.tasks.size());
    task.index = count[task.label]++;
    task.serves = true;
    task.command.emplace();
    task.command->argv = {testing::program("node_test_program")};
    for (std::string word; words >> word;) task.command->argv.push_back(word);
    plan.tasks.push_back(std::move(task));
  }
  return plan;
}

using Entry = std::function<void(const Context&)>;

// A plan of functions.
graph::Plan plan_of_threads(std::vector<std::pair<std::string, Entry>> nodes) {
  graph::Plan plan;
  plan.program = "test";
  for (auto& [label, entry] : nodes) {
    graph::Task task;
    task.label = label;
    task.number = static_cast<int>(plan.tasks.size());
    task.serves = true;
    task.entry = [entry = std::move(entry)](std::shared_ptr<const Context> context) {
      entry(*context);
    };
    plan.tasks.push_back(std::move(task));
  }
  return plan;
}

class LauncherTest : public ::testing::Test {
 protected:
  Options options(LaunchType type = LaunchType::kTestProcesses) {
    Options options;
    options.type = type;
    options.run_dir = folder.path() + "/r";
    options.termination_notice = std::chrono::seconds(60);
    options.handle_signals = false;
    return options;
  }
  Options threads() { return options(LaunchType::kTestThreads); }

  // Launches and waits.
  Status run(graph::Plan plan, Options with) {
    LP_TRY_ASSIGN(auto run, launch(std::move(plan), std::move(with)));
    return run->wait();
  }
  Status run(const std::vector<std::string>& nodes) { return run(plan_of(nodes), options()); }

  std::string failure(const std::vector<std::string>& nodes) {
    const Status status = run(nodes);
    return status.ok() ? "" : status.error().message;
  }

  TempFolder folder;
};

TEST_F(LauncherTest, KnowsItsLaunchTypes) {
  for (const char* name : {"local_mt", "local_mp", "test_mt", "test_mp"}) {
    EXPECT_EQ(launch_type_name(parse_launch_type(name).value()), name);
  }
  const auto unknown = parse_launch_type("borg");
  EXPECT_EQ(unknown.error().code, Code::kInvalidArgument);
  EXPECT_EQ(unknown.error().message,
            "'borg' is no launch type; there is: local_mt, local_mp, test_mt, test_mp");
}

TEST_F(LauncherTest, EndsWellWhenAllProcessesDo) {
  EXPECT_EQ(failure({"a return", "b return"}), "");
}

TEST_F(LauncherTest, ProcessesGetTheTokenThroughADescriptorAndShowItNowhere) {
  const std::string secret = "a token that nobody has chosen before";
  Options with = options();
  with.token = net::Token::of(secret).value();
  const std::string path = folder.path() + "/seen";
  ASSERT_TRUE(run(plan_of({"a token " + path}), with).ok());
  std::ifstream file(path, std::ios::binary);
  const std::string seen(std::istreambuf_iterator<char>(file), {});
  const auto mac = with.token.mac(std::as_bytes(std::span("proof", 5)));
  ASSERT_GT(seen.size(), mac.size());
  EXPECT_EQ(std::memcmp(seen.data(), mac.data(), mac.size()), 0);
  EXPECT_NE(seen.find("LAUNCHPAD_WORKER=2:"), seen.npos);
  EXPECT_EQ(seen.find(secret), seen.npos);
}

TEST_F(LauncherTest, EachRunHasATokenOfItsOwnThatItsThreadsShare) {
  std::vector<net::Token> tokens(3);
  const auto take = [&](size_t at) {
    return [&tokens, at](const Context& context) { tokens[at] = context.token; };
  };
  ASSERT_TRUE(run(plan_of_threads({{"a", take(0)}, {"b", take(1)}}), threads()).ok());
  ASSERT_TRUE(run(plan_of_threads({{"a", take(2)}}), threads()).ok());
  EXPECT_TRUE(tokens[0] && tokens[0] == tokens[1]);
  EXPECT_TRUE(tokens[2] && !(tokens[0] == tokens[2]));
}

TEST_F(LauncherTest, NamesTheExitCodeOfAFailedNode) {
  EXPECT_EQ(failure({"a wait", "b exit 3"}), "node 'b/0' exited with code 3");
}

TEST_F(LauncherTest, NamesTheSignalThatKilledANode) {
  EXPECT_EQ(failure({"a signal 9", "b wait"}), "node 'a/0' was killed by signal 9 (SIGKILL)");
}

TEST_F(LauncherTest, NamesTheExceptionOfANode) {
  const Status status = run({"a wait", "a throw badluck"});
  EXPECT_EQ(status.error().message, "node 'a/1' failed: std::runtime_error: badluck");
  EXPECT_EQ(status.error().remote_type, "std::runtime_error");
}

TEST_F(LauncherTest, ACrashedPeerIsToBlameForWhatOthersSay) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(failure({"a crash_when_called", "b watch_peer", "b wait"}),
              "node 'a/0' was killed by signal 9 (SIGKILL)");
  }
}

TEST_F(LauncherTest, ANodeThatMissesAPeerThatEndedWellHasFailed) {
  EXPECT_EQ(failure({"a unavailable", "b return"}), "node 'a/0' failed: lp::Error: a peer is gone");
}

TEST_F(LauncherTest, AStopThatANodeAsksForIsSuccess) {
  EXPECT_EQ(failure({"a stop", "b wait", "b wait_unavailable"}), "");
}

TEST_F(LauncherTest, AnExceptionAfterTheStopIsAFailure) {
  EXPECT_EQ(failure({"a stop", "b wait_and_throw late"}),
            "node 'b/0' failed: std::runtime_error: late");
}

TEST_F(LauncherTest, KillsAfterTheNoticeAndEndsWell) {
  Options hasty = options();
  hasty.termination_notice = std::chrono::milliseconds(1);
  EXPECT_TRUE(run(plan_of({"a stop_and_ignore", "b ignore"}), hasty).ok());
}

TEST_F(LauncherTest, WithoutANoticeAStopKills) {
  Options hasty = options();
  hasty.termination_notice = std::chrono::milliseconds(0);
  EXPECT_TRUE(run(plan_of({"a stop", "b ignore"}), hasty).ok());
  EXPECT_EQ(run(plan_of({"a exit 4", "b ignore"}), hasty).error().message,
            "node 'a/0' exited with code 4");
}

TEST_F(LauncherTest, TheRunMayBeStoppedAndKilledFromOutside) {
  auto waiting = launch(plan_of({"a wait", "b wait"}), options()).value();
  EXPECT_FALSE(waiting->done());
  waiting->stop();
  EXPECT_TRUE(waiting->wait().ok());
  EXPECT_TRUE(waiting->done());
  EXPECT_TRUE(waiting->stop_signal()->requested());

  auto stubborn = launch(plan_of({"a ignore", "b ignore"}), options()).value();
  stubborn->kill();
  EXPECT_EQ(stubborn->wait().error().message,
            "the program was killed before these nodes ended: a/0, b/0");
}

TEST_F(LauncherTest, TheEndOfARunStopsIt) {
  auto run = launch(plan_of({"a wait"}), options());
  auto signal = run.value()->stop_signal();
  run.value().reset();
  EXPECT_TRUE(signal->requested());
  EXPECT_TRUE(fs::is_empty(folder.path() + "/r"));
}

TEST_F(LauncherTest, SomeLabelsMayBeWaitedFor) {
  auto run = launch(plan_of({"a return", "b wait", "a return"}), options()).value();
  EXPECT_TRUE(run->wait_for({"a"}).ok());
  EXPECT_EQ(run->wait_for({"a", "c"}).error().message,
            "no node has the label 'c'; there is: 'a', 'b'");
  EXPECT_FALSE(run->done());
}

TEST_F(LauncherTest, AnyFailureEndsTheWaitForSomeLabels) {
  auto run = launch(plan_of({"a exit 3", "b wait"}), options()).value();
  EXPECT_EQ(run->wait_for({"b"}).error().message, "node 'a/0' exited with code 3");
}

TEST_F(LauncherTest, ACommandThatIsNotThereIsNamed) {
  graph::Plan plan = plan_of({"a wait", "b wait"});
  plan.tasks[1].command->argv = {"no-such-program"};
  EXPECT_EQ(run(plan, options()).error().message,
            "node 'b/0' cannot be started: there is no program 'no-such-program' in PATH");
  plan.tasks[1].command->argv = {"/no/such/program"};
  const Error error = run(plan, options()).error();
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_EQ(
      error.message,
      "node 'b/0' cannot be started: cannot run '/no/such/program': No such file or directory");
  plan.tasks[1].command->argv = {"/etc/passwd"};
  EXPECT_EQ(run(plan, options()).error().message,
            "node 'b/0' cannot be started: cannot run '/etc/passwd': Permission denied");
  plan.tasks[1].command->argv = {};
  EXPECT_EQ(run(plan, options()).error().message,
            "node 'b/0' cannot be started: its command is empty");
  EXPECT_TRUE(fs::is_empty(folder.path() + "/r"));
}

TEST_F(LauncherTest, ACommandsFolderThatIsNotThereIsNamed) {
  graph::Plan plan = plan_of({"a wait"});
  plan.tasks[0].command->cwd = "/no/such/folder";
  EXPECT_EQ(run(plan, options()).error().message,
            "node 'a/0' cannot be started: cannot change to its directory '/no/such/folder': "
            "No such file or directory");
}

TEST_F(LauncherTest, ATaskThatNothingCanRunIsNamed) {
  graph::Plan plan = plan_of({"a wait"});
  plan.tasks[0].command.reset();
  EXPECT_EQ(run(plan, options()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(run(plan, threads()).error().message,
            "node 'a/0' cannot be started: it has neither a function nor a command");
}

TEST_F(LauncherTest, APayloadThatCannotBeMadeIsNamed) {
  graph::Plan plan = plan_of({"a wait", "b wait"});
  plan.tasks[1].payload = [](const Context&) -> Result<std::string> {
    return Error(Code::kInvalidArgument, "cannot pickle a lock");
  };
  const Error error = run(plan, options()).error();
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_EQ(error.message, "node 'b/0' cannot be started: cannot pickle a lock");
  EXPECT_TRUE(fs::is_empty(folder.path() + "/r"));
}

TEST_F(LauncherTest, TheRunDirectoryIsForTheUserAloneAndGoesWithTheRun) {
  graph::Plan plan = plan_of({"a wait"});
  std::string directory;
  plan.tasks[0].payload = [&](const Context& context) -> Result<std::string> {
    directory = fs::path(context.address_of(0).substr(5)).parent_path();
    return std::string("x");
  };
  auto run = launch(plan, options()).value();
  struct stat info {};
  ASSERT_EQ(::stat(directory.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  EXPECT_TRUE(fs::is_socket(directory + "/0.sock"));
  run->stop();
  EXPECT_TRUE(run->wait().ok());
  EXPECT_FALSE(fs::exists(directory));
}

TEST_F(LauncherTest, ARunDirectoryThatIsTooLongIsRefused) {
  Options with = options();
  with.run_dir = folder.path() + "/" + std::string(100, 'x');
  const Error error = run(plan_of({"a return"}), with).error();
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_NE(error.message.find("is too long"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("--lp_run_dir"), std::string::npos) << error.message;
}

TEST_F(LauncherTest, TwoRunsGoSideBySide) {
  auto one = launch(plan_of({"a wait"}), options()).value();
  auto two = launch(plan_of({"a wait", "b stop"}), options()).value();
  EXPECT_TRUE(two->wait().ok());
  EXPECT_FALSE(one->done());
  one->stop();
  EXPECT_TRUE(one->wait().ok());
}

TEST_F(LauncherTest, AnyThreadMayLaunchAndAnotherWait) {
  auto run =
      std::async(std::launch::async, [&] { return launch(plan_of({"a wait"}), options()); }).get();
  ASSERT_TRUE(run.ok());
  EXPECT_FALSE((*run)->done());  // It did not die with the thread that launched it.
  run.value()->stop();
  auto waited = std::async(std::launch::async, [&] { return (*run)->wait().ok(); });
  EXPECT_TRUE(waited.get());
}

TEST_F(LauncherTest, ManyNodesStartAndEnd) {
  std::vector<std::string> nodes(63, "a wait");
  nodes.push_back("b stop");
  EXPECT_EQ(failure(nodes), "");
}

TEST_F(LauncherTest, ThreadsRunWithTheirContext) {
  std::atomic<int> hooks{0};
  Options with = threads();
  with.on_thread_start = [&] { hooks += 1; };
  with.on_thread_end = [&] { hooks += 10; };
  std::string seen;
  const auto entry = [&](const Context& context) {
    seen = context.name() + " " + context.name_of(1) + " " + run::current_context()->name();
    EXPECT_EQ(hooks, 1);
  };
  EXPECT_TRUE(run(plan_of_threads({{"a", entry}}), with).ok());
  EXPECT_EQ(seen, "a/0 node 1 a/0");
  EXPECT_EQ(hooks, 11);
  EXPECT_FALSE(fs::exists(folder.path() + "/r"));  // No process, no directory.
}

TEST_F(LauncherTest, ThreadsStopWhenOneAsks) {
  const auto wait = [](const Context& context) { context.stop->wait(); };
  const auto stop = [](const Context& context) { context.request_stop(); };
  EXPECT_TRUE(run(plan_of_threads({{"a", wait}, {"b", stop}}), threads()).ok());
}

TEST_F(LauncherTest, AnExceptionOfAThreadStopsTheOthers) {
  const auto wait = [](const Context& context) { context.stop->wait(); };
  const auto fail = [](const Context&) { throw std::runtime_error("bad luck"); };
  EXPECT_EQ(run(plan_of_threads({{"a", wait}, {"b", fail}}), threads()).error().message,
            "node 'b/0' failed: std::runtime_error: bad luck");
  Options with = threads();
  with.describe_exception = [] { return Error(Code::kUnknown, "described"); };
  EXPECT_EQ(run(plan_of_threads({{"b", fail}}), with).error().message,
            "node 'b/0' failed: described");
}

TEST_F(LauncherTest, AThreadThatDoesNotStopIsLeftBehind) {
  auto release = std::make_shared<std::promise<void>>();
  auto gone = std::make_shared<std::promise<void>>();
  const auto ignore = [release, gone](const Context&) {
    release->get_future().wait();
    gone->set_value();
  };
  const auto stop = [](const Context& context) { context.request_stop(); };
  Options hasty = threads();
  hasty.termination_notice = std::chrono::milliseconds(1);
  EXPECT_TRUE(run(plan_of_threads({{"a", ignore}, {"b", stop}}), hasty).ok());
  release->set_value();
  gone->get_future().wait();
}

TEST_F(LauncherTest, AStopHandlerThatTakesItsTimeIsWaitedFor) {
  std::promise<void> begun, release;
  std::atomic<bool> ended{false};
  auto run = launch(plan_of_threads({{"a", [](const Context&) {}}}), threads()).value();
  auto other =
      launch(plan_of_threads({{"a", [](const Context& c) { c.stop->wait(); }}}), threads()).value();
  other->stop_signal()->add_handler([&] {
    begun.set_value();
    release.get_future().wait();
    ended = true;
  });
  other->stop();
  begun.get_future().wait();
  release.set_value();
  EXPECT_TRUE(other->wait().ok());
  EXPECT_TRUE(ended);
}

TEST_F(LauncherTest, ACommandIsAProcessAmongThreadsAndReachesThem) {
  graph::Plan plan = plan_of({"a wait", "b watch_peer"});
  plan.tasks[0].command.reset();
  std::atomic<bool> reached{false};
  plan.tasks[0].entry = [&](std::shared_ptr<const Context> context) {
    auto listener = context->listen().value();
    pollfd waiting{listener->fd(), POLLIN, 0};
    ::poll(&waiting, 1, -1);
    reached = listener->accept().value().has_value();
  };
  EXPECT_EQ(run(plan, threads()).error().message, "node 'b/0' failed: lp::Error: a/0 is gone");
  EXPECT_TRUE(reached);
}

TEST_F(LauncherTest, ANodesThreadHasTheSignalMaskOfWhoLaunched) {
  sigset_t mask;
  const auto look = [&](const Context&) { ::pthread_sigmask(SIG_SETMASK, nullptr, &mask); };
  EXPECT_TRUE(run(plan_of_threads({{"a", look}}), threads()).ok());
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
}

TEST_F(LauncherTest, ASignalBetweenLaunchAndWaitStopsTheProgram) {
  Options with = threads();
  with.handle_signals = true;
  auto started = launch(plan_of_threads({{"a", [](const Context& c) { c.stop->wait(); }}}), with);
  ASSERT_TRUE(started.ok());
  ::raise(SIGTERM);  // Ends the test program, if nobody listens.
  EXPECT_TRUE((*started)->wait().ok());
  struct sigaction action {};
  ::sigaction(SIGTERM, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST_F(LauncherTest, ARunThatNobodyWaitsForGivesTheHandlersBackAtItsEnd) {
  Options with = threads();
  with.handle_signals = true;
  EXPECT_TRUE(launch(plan_of_threads({{"a", [](const Context&) {}}}), with).ok());
  struct sigaction action {};
  ::sigaction(SIGTERM, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST_F(LauncherTest, WaitsForTheFirstNodeThatEnds) {
  const auto wait = [](const Context& context) { context.stop->wait(); };
  auto started = launch(plan_of_threads({{"a", [](const Context&) {}}, {"b", wait}}), threads());
  ASSERT_TRUE(started.ok());
  const auto& run = *started;
  EXPECT_TRUE(run->wait_for_first({}).ok());
  EXPECT_TRUE(run->wait_for_first({"b", "a"}).ok());
  EXPECT_FALSE(run->done());
  EXPECT_EQ(run->wait_for_first({"c"}).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(run->failure().ok());
  run->stop();
  EXPECT_TRUE(run->wait_for_first({"b"}).ok());
  EXPECT_TRUE(run->wait().ok());
}

TEST_F(LauncherTest, TellsTheFirstFailureWithoutWaiting) {
  const auto fail = [](const Context&) { throw std::runtime_error("badluck"); };
  auto started = launch(plan_of_threads({{"a", fail}}), threads());
  ASSERT_TRUE(started.ok());
  EXPECT_FALSE((*started)->wait_for_first({}).ok());
  EXPECT_EQ((*started)->failure().error().remote_type, "std::runtime_error");
}

TEST_F(LauncherTest, AProgramWithoutNodesEnds) { EXPECT_TRUE(run(graph::Plan(), options()).ok()); }

}  // namespace
}  // namespace lp::launching
