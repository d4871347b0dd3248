#include "launchpad/run/roster.h"

#include <gtest/gtest.h>

namespace lp::run {
namespace {

TEST(Roster, SurvivesTheWayToTheWorker) {
  Roster roster{"program", "0123456789abcdef", {"a", "a", "b"}, {0, 1, 0}};
  const auto decoded = Roster::decode(roster.encode());
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded.value().program, "program");
  EXPECT_EQ(decoded.value().fingerprint, "0123456789abcdef");
  EXPECT_EQ(decoded.value().names(), (std::vector<std::string>{"a/0", "a/1", "b/0"}));
}

TEST(Roster, RefusesWhatNoLauncherWrote) {
  const std::string good = Roster{"p", "f", {"a"}, {0}}.encode();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Roster::decode(good.substr(0, size)).error().code, Code::kDataLoss) << size;
  }
  EXPECT_FALSE(Roster::decode(Roster{"p", "f", {"a", "b"}, {0}}.encode()).ok());
}

TEST(Assignment, SurvivesTheEnvironment) {
  Assignment assignment{3, 4, 9, 17, "/run/x:y/z"};
  EXPECT_EQ(assignment.encode(), "2:3:4:9:17:/run/x:y/z");
  const auto decoded = Assignment::decode(assignment.encode()).value();
  EXPECT_EQ(decoded.control, 3);
  EXPECT_EQ(decoded.listening, 4);
  EXPECT_EQ(decoded.token, 9);
  EXPECT_EQ(decoded.task, 17u);
  EXPECT_EQ(decoded.run_dir, "/run/x:y/z");
}

TEST(Assignment, SaysWhereNodesInsideOfTheTaskListen) {
  Assignment assignment{3, -1, 8, 17, "/run", {{20, 9}, {21, 11}}};
  EXPECT_EQ(assignment.encode(), "2:3:-1,20=9,21=11:8:17:/run");
  const auto decoded = Assignment::decode(assignment.encode()).value();
  EXPECT_EQ(decoded.listening, -1);
  EXPECT_EQ(decoded.inner, assignment.inner);
  EXPECT_FALSE(Assignment::decode("2:3:4,20=1:8:17:/run").ok());
  EXPECT_FALSE(Assignment::decode("2:3:4,20:8:17:/run").ok());
}

TEST(Assignment, RefusesWhatNoLauncherWrote) {
  for (const char* value : {"", "2", "2:", "x", "2:3:4:9:5", "2:3:4:9:5:", "2:3:4:9:5:relative",
                            "2:2:4:9:0:/x", "2:3:1:9:0:/x", "2:3:4:-1:0:/x", "2:3:4:9:-1:/x",
                            "2:3:-2:9:0:/x", "2:99999999999:4:9:0:/x"}) {
    const auto decoded = Assignment::decode(value);
    ASSERT_FALSE(decoded.ok()) << value;
    EXPECT_EQ(decoded.error().code, Code::kInvalidArgument);
    EXPECT_NE(decoded.error().message.find("LAUNCHPAD_WORKER is '"), std::string::npos);
  }
  EXPECT_NE(Assignment::decode("1:3:4:0:/x").error().message.find("another version"),
            std::string::npos);
}

}  // namespace
}  // namespace lp::run
