#include "launchpad/run/run_dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace lp::run {
namespace {

namespace fs = std::filesystem;

class RunDirTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/lp-test-XXXXXX";
    folder = ::mkdtemp(path);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string refusal(const std::string& base) {
    const auto made = RunDir::make(base, 1);
    EXPECT_EQ(made.error().code, Code::kInvalidArgument);
    EXPECT_NE(made.error().message.find("'" + base + "'"), std::string::npos);
    EXPECT_NE(made.error().message.find("--lp_run_dir or LAUNCHPAD_RUN_DIR"), std::string::npos);
    return made.error().message;
  }
  static unsigned mode(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  std::string folder;
};

TEST_F(RunDirTest, IsForTheUserAloneAndGoesWithItsOwner) {
  std::string path;
  {
    auto made = RunDir::make(folder + "/base", 3);
    ASSERT_TRUE(made.ok()) << made.error().message;
    path = made->path();
    EXPECT_EQ(mode(folder + "/base"), 0700u);
    EXPECT_EQ(mode(path), 0700u);
    ASSERT_TRUE(made->write("x", "content").ok());
    EXPECT_EQ(mode(path + "/x"), 0600u);
    std::ostringstream content;
    content << std::ifstream(path + "/x").rdbuf();
    EXPECT_EQ(content.str(), "content");
    EXPECT_EQ(made->write("x", "again").error().code, Code::kPermissionDenied);
    fs::create_directories(path + "/a/b");
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::is_empty(folder + "/base"));
}

TEST_F(RunDirTest, IsMadeWhereTheEnvironmentSays) {
  ::setenv("LAUNCHPAD_RUN_DIR", (folder + "/chosen").c_str(), 1);
  EXPECT_TRUE(RunDir::make("", 1)->path().starts_with(folder + "/chosen/"));
  ::unsetenv("LAUNCHPAD_RUN_DIR");
  ::setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  EXPECT_TRUE(RunDir::make("", 1)->path().starts_with(folder + "/launchpad/"));
  ::setenv("XDG_RUNTIME_DIR", (folder + "/absent").c_str(), 1);
  ::setenv("TMPDIR", folder.c_str(), 1);
  const std::string uid = std::to_string(::geteuid());
  EXPECT_TRUE(RunDir::make("", 1)->path().starts_with(folder + "/launchpad-" + uid + "/"));
  ::unsetenv("XDG_RUNTIME_DIR");
  ::unsetenv("TMPDIR");
}

TEST_F(RunDirTest, RefusesWhatIsTooLongForItsSockets) {
  const std::string base = folder + "/" + std::string(90, 'x');
  const std::string message = refusal(base);
  EXPECT_NE(message.find("0.sock"), std::string::npos) << message;
  EXPECT_NE(message.find(std::to_string(base.size() + 16) + " bytes"), std::string::npos)
      << message;
  EXPECT_NE(message.find("107"), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(base));
}

TEST_F(RunDirTest, TheLongestPathThatFitsIsTaken) {
  const std::string base = folder + "/" + std::string(107 - 17 - folder.size(), 'x');
  auto made = RunDir::make(base, 10);
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->socket_path(9).size(), 107u);
  EXPECT_FALSE(RunDir::make(base, 11).ok());
}

TEST_F(RunDirTest, RefusesABaseThatOthersCouldChange) {
  fs::create_directory_symlink(folder, folder + "/link");
  EXPECT_NE(refusal(folder + "/link").find("is a symbolic link"), std::string::npos);
  std::ofstream(folder + "/file") << "x";
  EXPECT_NE(refusal(folder + "/file").find("is not a directory"), std::string::npos);
  fs::create_directory(folder + "/open");
  ::chmod((folder + "/open").c_str(), 0777);
  EXPECT_NE(refusal(folder + "/open").find("can be changed by other users"), std::string::npos);
  // In a sticky one others cannot rename what is ours.
  ::chmod((folder + "/open").c_str(), 01777);
  EXPECT_TRUE(RunDir::make(folder + "/open", 1).ok());
}

TEST_F(RunDirTest, RefusesABaseOfAnotherUser) {
  fs::create_directory(folder + "/other");
  if (::chown((folder + "/other").c_str(), 12345, 12345) != 0) GTEST_SKIP() << "needs root";
  EXPECT_NE(refusal(folder + "/other").find("belongs to user 12345"), std::string::npos);
}

TEST_F(RunDirTest, SaysWhyItCannotBeMade) {
  const auto made = RunDir::make("/proc/no/such", 1);
  EXPECT_EQ(made.error().code, Code::kPermissionDenied);
  EXPECT_NE(made.error().message.find("cannot make the run directory '/proc/no/such'"),
            std::string::npos)
      << made.error().message;
}

TEST_F(RunDirTest, TheNextOneRemovesWhatDeadLaunchersLeftAndNothingElse) {
  const std::string base = folder + "/base";
  auto living = RunDir::make(base, 1);
  ASSERT_TRUE(living.ok());
  for (const char* name : {"/abcdefgh", "/.new-abcdefgh", "/my-own-data", "/abcdefgg"}) {
    fs::create_directories(base + name + "/sub");
  }
  for (const char* name : {"/abcdefgh", "/.new-abcdefgh", "/my-own-data"}) {
    std::ofstream(base + name + "/lock") << "";
  }
  ASSERT_TRUE(RunDir::make(base, 1).ok());
  EXPECT_FALSE(fs::exists(base + "/abcdefgh"));
  EXPECT_TRUE(fs::exists(base + "/.new-abcdefgh"));  // Perhaps just being made.
  EXPECT_TRUE(fs::exists(base + "/my-own-data"));
  EXPECT_TRUE(fs::exists(base + "/abcdefgg"));  // No lock: nobody knows whose.
  EXPECT_TRUE(fs::exists(living->path()));

  const timespec old[2] = {{1, 0}, {1, 0}};
  ::utimensat(AT_FDCWD, (base + "/.new-abcdefgh/lock").c_str(), old, 0);
  ASSERT_TRUE(RunDir::make(base, 1).ok());
  EXPECT_FALSE(fs::exists(base + "/.new-abcdefgh"));
}

}  // namespace
}  // namespace lp::run
