#include "launchpad/run/worker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <stdexcept>

#include "launchpad/net/unix_socket.h"
#include "launchpad/run/control.h"
#include "launchpad/run/roster.h"
#include "launchpad/run/run_dir.h"

namespace lp::run {
namespace {

// This process as a worker, and the other end of its control socket.
class WorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/lp-test-XXXXXX";
    folder = ::mkdtemp(path);
    run_dir.emplace(std::move(RunDir::make(folder, 2)).value());
    ASSERT_TRUE(
        run_dir->write(kRosterName, Roster{"program", "f00d", {"a", "a"}, {0, 1}}.encode()).ok());
    auto pair = control_pair().value();
    launcher = std::move(pair.first);
    assignment.control = pair.second.release();
    auto address = net::Address::parse("unix:" + run_dir->socket_path(1)).value();
    assignment.listening = net::bind_unix(address).value().release();
    assignment.token = token.hand_down().value().release();
    assignment.task = 1;
    assignment.run_dir = run_dir->path();
  }
  void TearDown() override {
    worker.reset();
    run_dir.reset();
    std::filesystem::remove_all(folder);
    ::unsetenv(kWorkerVariable);
  }

  void start() {
    ::setenv(kWorkerVariable, assignment.encode().c_str(), 1);
    EXPECT_TRUE(is_worker_process());
    auto made = Worker::from_environment();
    ASSERT_TRUE(made.ok()) << made.error().message;
    worker = std::move(made).value();
  }
  ControlMessage received() {
    pollfd fd{launcher.get(), POLLIN, 0};
    ::poll(&fd, 1, -1);
    return receive_control(launcher.get()).value().value();
  }

  std::string folder;
  std::optional<RunDir> run_dir;
  base::Fd launcher;
  Assignment assignment;
  const net::Token token = net::Token::mint();
  std::unique_ptr<Worker> worker;
};

TEST_F(WorkerTest, KnowsItsPlace) {
  start();
  EXPECT_FALSE(is_worker_process());
  EXPECT_EQ(::getenv(kWorkerVariable), nullptr);
  const auto context = worker->context();
  EXPECT_EQ(context->program, "program");
  EXPECT_EQ(context->name(), "a/1");
  EXPECT_EQ(context->task, 1);
  EXPECT_TRUE(context->token == token);
  EXPECT_EQ(context->name_of(0), "a/0");
  EXPECT_EQ(context->address_of(0), "unix:" + run_dir->path() + "/0.sock");
  EXPECT_EQ(worker->fingerprint(), "f00d");
  EXPECT_EQ(worker->payload().value(), "");
  ASSERT_TRUE(run_dir->write("1.payload", std::string("x\0y", 3)).ok());
  EXPECT_EQ(worker->payload().value(), std::string("x\0y", 3));
}

TEST_F(WorkerTest, ItsContextIsThatOfEveryThreadWhileItLives) {
  start();
  EXPECT_EQ(std::async(std::launch::async, [] { return current_context(); }).get(),
            worker->context());
  worker.reset();
  EXPECT_EQ(current_context(), nullptr);
}

TEST_F(WorkerTest, ListensAtTheSocketThatItInherited) {
  start();
  auto listener = worker->context()->listen();
  ASSERT_TRUE(listener.ok());
  ASSERT_TRUE(net::connect((*listener)->address()).ok());
  EXPECT_TRUE((*listener)->accept().value().has_value());
}

TEST_F(WorkerTest, ItsDescriptorsDoNotReachItsOwnChildren) {
  start();
  EXPECT_EQ(::fcntl(assignment.control, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(::fcntl(assignment.listening, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  // It was read, and is closed, or another one by now.
  const int token_flags = ::fcntl(assignment.token, F_GETFD);
  EXPECT_TRUE(token_flags == -1 || (token_flags & FD_CLOEXEC) != 0);
}

TEST_F(WorkerTest, HearsTheStop) {
  start();
  std::promise<void> handled;
  worker->context()->stop->add_handler([&] { handled.set_value(); });
  ASSERT_TRUE(send_control(launcher.get(), {ControlKind::kStop}).ok());
  EXPECT_TRUE(worker->context()->stop->wait());
  handled.get_future().wait();
}

TEST_F(WorkerTest, TakesSigtermForAStopAndGivesItBack) {
  start();
  ::raise(SIGTERM);
  EXPECT_TRUE(worker->context()->stop->wait());
  worker.reset();
  struct sigaction action {};
  ::sigaction(SIGTERM, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST_F(WorkerTest, LeavesSigtermToWhoHandledItBefore) {
  ::signal(SIGTERM, SIG_IGN);
  start();
  ::raise(SIGTERM);
  EXPECT_FALSE(worker->context()->stop->requested());
  ::signal(SIGTERM, SIG_DFL);
}

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
#else
constexpr bool kThreadSanitizer = false;
#endif

TEST_F(WorkerTest, SigtermStillEndsAForkOfTheNode) {
  // It puts handlers off until a call that it intercepts, and in such a fork it intercepts none.
  if (kThreadSanitizer) GTEST_SKIP() << "ThreadSanitizer runs no handlers in a fork";
  start();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::raise(SIGTERM);
    ::_exit(3);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  EXPECT_FALSE(worker->context()->stop->requested());
}

TEST_F(WorkerTest, AsksForTheStopOnce) {
  start();
  for (int i = 0; i < 1000; ++i) worker->context()->request_stop();
  EXPECT_EQ(received().kind, ControlKind::kStopRequested);
  EXPECT_FALSE(receive_control(launcher.get()).value().has_value());
}

TEST_F(WorkerTest, ReportsWhatTheTaskThrows) {
  start();
  EXPECT_EQ(run_worker(
                *worker, [](auto) { throw std::runtime_error("bad luck"); }, nullptr),
            1);
  EXPECT_EQ(run_worker(
                *worker, [](auto) { throw std::runtime_error("again"); }, nullptr),
            1);
  const ControlMessage message = received();
  EXPECT_EQ(message.kind, ControlKind::kFailed);
  EXPECT_EQ(message.error.remote_type, "std::runtime_error");
  EXPECT_EQ(message.error.message, "bad luck");
  EXPECT_FALSE(receive_control(launcher.get()).value().has_value());
}

TEST_F(WorkerTest, RunsTheTaskInItsContext) {
  start();
  std::string seen;
  const auto entry = [&](std::shared_ptr<const Context> context) {
    seen = context->name();
    EXPECT_EQ(current_context(), context);
  };
  EXPECT_EQ(run_worker(*worker, entry, [] { return Error(); }), 0);
  EXPECT_EQ(seen, "a/1");
}

TEST_F(WorkerTest, ATaskThatEndsAtTheStopStillHasItsHandlersRun) {
  start();
  std::promise<void> over;
  std::atomic<bool> handled{false};
  worker->context()->stop->add_handler([&] {
    over.get_future().wait();  // The task is quicker.
    handled = true;
  });
  const auto entry = [&](std::shared_ptr<const Context> context) {
    context->stop->wait();
    over.set_value();
  };
  ASSERT_TRUE(send_control(launcher.get(), {ControlKind::kStop}).ok());
  EXPECT_EQ(run_worker(*worker, entry, nullptr), 0);
  EXPECT_TRUE(handled);
}

TEST_F(WorkerTest, EndsThoughAStopHandlerDoesNot) {
  start();
  auto begun = std::make_shared<std::promise<void>>();
  auto release = std::make_shared<std::promise<void>>();
  auto gone = std::make_shared<std::promise<void>>();
  worker->context()->stop->add_handler([begun, release, gone] {
    begun->set_value();
    release->get_future().wait();
    gone->set_value();
  });
  ASSERT_TRUE(send_control(launcher.get(), {ControlKind::kStop}).ok());
  begun->get_future().wait();
  worker.reset();
  release->set_value();
  gone->get_future().wait();
}

TEST_F(WorkerTest, DiesWithItsGroupWhenItsLauncherIsGone) {
  int alive[2];
  ASSERT_EQ(::pipe(alive), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    ::setenv(kWorkerVariable, assignment.encode().c_str(), 1);
    launcher.reset();
    auto made = Worker::from_environment();
    if (::fork() == 0) made->release();  // Of the same group; both hold the pipe.
    for (;;) ::pause();
  }
  ::close(alive[1]);
  ::close(assignment.control);
  launcher.reset();
  char byte;
  EXPECT_EQ(::read(alive[0], &byte, 1), 0);  // Nobody is left.
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ::close(alive[0]);
}

TEST_F(WorkerTest, RefusesAVariableThatNoLauncherWrote) {
  const auto refusal = [](const std::string& value) {
    ::setenv(kWorkerVariable, value.c_str(), 1);
    const auto made = Worker::from_environment();
    EXPECT_FALSE(is_worker_process());
    return made.ok() ? Error() : made.error();
  };
  EXPECT_EQ(refusal("nonsense").code, Code::kInvalidArgument);
  EXPECT_NE(refusal("2:99:-1:9:0:/x").message.find("descriptor 99"), std::string::npos);
  EXPECT_EQ(Worker::from_environment().error().code, Code::kFailedPrecondition);
  assignment.task = 7;
  EXPECT_EQ(refusal(assignment.encode()).message,
            "LAUNCHPAD_WORKER names task 7, the program has 2");
}

}  // namespace
}  // namespace lp::run
