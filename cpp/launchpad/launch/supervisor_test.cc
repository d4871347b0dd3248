#include "launchpad/launch/supervisor.h"

#include <gtest/gtest.h>

#include <csignal>

namespace lp::launching {
namespace {

using std::chrono::milliseconds;
using Kind = Ending::Kind;

constexpr Ending kGood{Kind::kExited, 0};

Error raised(const std::string& message) {
  Error error(Code::kUnknown, message);
  error.remote_type = "ValueError";
  error.remote_trace = "Traceback: " + message + "\n";
  return error;
}

Error peer_gone() { return Error(Code::kUnavailable, "'a/0' has ended"); }

class SupervisorTest : public testing::Test {
 protected:
  void pass(milliseconds time) {
    now += time;
    supervisor.on_time(now);
  }
  std::string failure() { return supervisor.failure() ? supervisor.failure()->message : ""; }

  base::TimePoint now{};
  Supervisor supervisor{{"a/0", "b/0", "b/1"}, milliseconds(500)};
};

TEST_F(SupervisorTest, EndsWellWhenEveryTaskEndsWell) {
  for (size_t task : {2, 0, 1}) {
    EXPECT_FALSE(supervisor.done());
    supervisor.on_end(task, kGood, now);
  }
  EXPECT_TRUE(supervisor.done());
  EXPECT_FALSE(supervisor.stopping());
  EXPECT_TRUE(supervisor.outcome().ok());
}

TEST_F(SupervisorTest, AnExitCodeStopsTheProgramAndIsNamed) {
  supervisor.on_end(1, {Kind::kExited, 3}, now);
  EXPECT_TRUE(supervisor.stopping());
  EXPECT_FALSE(supervisor.killing());
  EXPECT_EQ(failure(), "node 'b/0' exited with code 3");
}

TEST_F(SupervisorTest, ASignalIsNamed) {
  supervisor.on_end(1, {Kind::kSignalled, SIGKILL}, now);
  EXPECT_EQ(failure(), "node 'b/0' was killed by signal 9 (SIGKILL)");
  Supervisor other({"a/0"}, milliseconds(0));
  other.on_end(0, {Kind::kSignalled, 40}, now);
  EXPECT_EQ(other.failure()->message, "node 'a/0' was killed by signal 40");
}

TEST_F(SupervisorTest, AReportSaysMoreThanTheExitCodeThatFollowsIt) {
  supervisor.on_report(0, raised("bad luck"), now);
  supervisor.on_end(0, {Kind::kExited, 1}, now);
  EXPECT_EQ(failure(), "node 'a/0' failed: ValueError: bad luck\nTraceback: bad luck");
  EXPECT_EQ(supervisor.failure()->remote_type, "ValueError");
  EXPECT_EQ(supervisor.failure()->remote_trace, "Traceback: bad luck\n");
}

TEST_F(SupervisorTest, ALostExitStatusIsAFailureUnlessTheStopWasAskedFor) {
  supervisor.on_end(0, {Kind::kLost}, now);
  EXPECT_NE(failure().find("took its exit status"), std::string::npos) << failure();
  Supervisor other({"a/0"}, milliseconds(500));
  other.on_stop_request(now);
  other.on_end(0, {Kind::kLost}, now);
  EXPECT_TRUE(other.outcome().ok());
}

TEST_F(SupervisorTest, TheFirstFailureStays) {
  supervisor.on_report(1, raised("first"), now);
  supervisor.on_report(0, raised("second"), now);
  supervisor.on_end(2, {Kind::kSignalled, SIGSEGV}, now);
  EXPECT_EQ(failure().find("node 'b/0' failed: ValueError: first"), 0u);
}

TEST_F(SupervisorTest, AComplaintAboutAPeerGivesWayToThePeersOwnFailure) {
  supervisor.on_report(1, peer_gone(), now);
  supervisor.on_end(1, {Kind::kExited, 1}, now);
  EXPECT_FALSE(supervisor.stopping());
  now += Supervisor::kGrace / 2;
  supervisor.on_end(0, {Kind::kSignalled, SIGSEGV}, now);
  EXPECT_EQ(failure(), "node 'a/0' was killed by signal 11 (SIGSEGV)");
  EXPECT_TRUE(supervisor.stopping());
}

TEST_F(SupervisorTest, AComplaintAboutAPeerIsTheFailureWhereNoOtherComes) {
  supervisor.on_report(1, peer_gone(), now);
  supervisor.on_end(1, {Kind::kExited, 1}, now);
  EXPECT_EQ(supervisor.next(), now + Supervisor::kGrace);
  pass(Supervisor::kGrace);
  EXPECT_EQ(failure(), "node 'b/0' failed: 'a/0' has ended");
}

TEST_F(SupervisorTest, AComplaintAboutAPeerIsTheFailureOnceNobodyIsLeft) {
  supervisor.on_report(1, peer_gone(), now);
  for (size_t task : {0, 2}) supervisor.on_end(task, kGood, now);
  EXPECT_TRUE(supervisor.outcome().ok());
  supervisor.on_end(1, {Kind::kExited, 1}, now);
  EXPECT_EQ(failure(), "node 'b/0' failed: 'a/0' has ended");
}

TEST_F(SupervisorTest, AComplaintAboutAPeerJustBeforeTheStopWasAskedForIsNoFailure) {
  supervisor.on_report(1, peer_gone(), now);
  supervisor.on_stop_request(now);
  pass(milliseconds(100));
  for (size_t task : {0, 1, 2}) supervisor.on_end(task, kGood, now);
  EXPECT_TRUE(supervisor.outcome().ok());
}

TEST_F(SupervisorTest, AfterTheStopWasAskedForOnlyRealFailuresCount) {
  supervisor.on_stop_request(now);
  supervisor.on_report(0, peer_gone(), now);
  supervisor.on_end(0, {Kind::kExited, 1}, now);
  supervisor.on_end(1, {Kind::kSignalled, SIGTERM}, now);
  EXPECT_EQ(failure(), "");
  supervisor.on_report(2, raised("in the end"), now);
  EXPECT_EQ(failure().find("node 'b/1' failed: ValueError: in the end"), 0u);
}

TEST_F(SupervisorTest, KillsAfterTheNoticeAndCallsThatNoFailure) {
  supervisor.on_stop_request(now);
  supervisor.on_end(0, kGood, now);
  EXPECT_EQ(supervisor.next(), now + milliseconds(500));
  pass(milliseconds(499));
  EXPECT_FALSE(supervisor.killing());
  pass(milliseconds(1));
  EXPECT_TRUE(supervisor.killing());
  EXPECT_EQ(supervisor.next(), std::nullopt);
  supervisor.on_end(1, {Kind::kSignalled, SIGKILL}, now);
  supervisor.on_report(2, raised("too late"), now);
  supervisor.on_end(2, {Kind::kExited, 1}, now);
  EXPECT_EQ(join_names(supervisor.overdue()), "b/0, b/1");
  EXPECT_TRUE(supervisor.outcome().ok());
}

TEST_F(SupervisorTest, KillsAtOnceWithoutANotice) {
  Supervisor hasty({"a/0", "b/0"}, milliseconds(0));
  hasty.on_end(0, {Kind::kExited, 3}, now);
  EXPECT_TRUE(hasty.killing());
  hasty.on_end(1, {Kind::kSignalled, SIGKILL}, now);
  EXPECT_EQ(hasty.outcome().error().message, "node 'a/0' exited with code 3");
}

TEST_F(SupervisorTest, NeverKillsWithANegativeNotice) {
  Supervisor patient({"a/0"}, milliseconds(-1));
  patient.on_stop_request(now);
  patient.on_time(now + std::chrono::hours(1000));
  EXPECT_FALSE(patient.killing());
  EXPECT_EQ(patient.next(), std::nullopt);
}

TEST_F(SupervisorTest, AKillThatWasAskedForEndsAsAborted) {
  supervisor.on_stop_request(now);
  supervisor.on_kill_request(now);
  EXPECT_TRUE(supervisor.killing());
  for (size_t task : {0, 1, 2}) supervisor.on_end(task, {Kind::kSignalled, SIGKILL}, now);
  EXPECT_EQ(supervisor.outcome().error().code, Code::kAborted);
}

TEST_F(SupervisorTest, AProgramWithoutTasksIsDone) {
  Supervisor empty({}, milliseconds(0));
  EXPECT_TRUE(empty.done());
  EXPECT_TRUE(empty.outcome().ok());
}

}  // namespace
}  // namespace lp::launching
