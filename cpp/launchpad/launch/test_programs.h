// For the tests of this folder only: folders that go with the test, and programs started with their
// standard streams in pipes. One thread.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "launchpad/base/fd.h"
#include "launchpad/launch/kernel.h"

namespace lp::launching::testing {

inline std::string program(const std::string& name) {
  return std::string(LP_TEST_PROGRAMS) + "/" + name;
}

class TempFolder {
 public:
  TempFolder() {
    char path[] = "/tmp/lp-test-XXXXXX";
    path_ = ::mkdtemp(path);
  }
  ~TempFolder() {
    // A guardian may be removing the same things.
    for (std::error_code error; std::filesystem::exists(path_, error);) {
      std::filesystem::remove_all(path_, error);
    }
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Nothing a test waits for takes longer, or it has failed.
inline constexpr std::chrono::seconds kPatience{60};

// True once the process is dead, whoever's child it was.
inline bool dies(pid_t pid) {
  const base::Fd watched(pidfd_open(pid));
  if (!watched.valid()) return true;
  pollfd fd{watched.get(), POLLIN, 0};
  return ::poll(&fd, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) == 1;
}

// A started program. Its end kills it.
class Child {
 public:
  explicit Child(const std::vector<std::string>& argv) {
    int out[2], err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) ::abort();
    std::vector<char*> pointers;
    for (const std::string& argument : argv)
      pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      for (int number : {SIGINT, SIGTERM, SIGQUIT}) ::signal(number, SIG_DFL);
      ::dup2(out[1], 1);
      ::dup2(err[1], 2);
      ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
    ::close(out[1]);
    ::close(err[1]);
    out_.reset(out[0]);
    err_.reset(err[0]);
  }
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  // Reads until this text is there; false: the program closed its streams before.
  bool prints(const std::string& text) {
    return reads_until(
        [&] { return output_.find(text) != output_.npos || errors_.find(text) != errors_.npos; });
  }
  // Reads until there are so many pids.
  bool prints_pids(size_t count) {
    return reads_until([&] { return pids().size() >= count && output_.ends_with('\n'); });
  }
  // Reads to the end and gives waitpid's status.
  int wait() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
  const std::string& output() const { return output_; }
  const std::string& errors() const { return errors_; }

  // The numbers after each "pid " of the output.
  std::vector<pid_t> pids() const {
    std::vector<pid_t> pids;
    for (size_t at = 0; (at = output_.find("pid ", at)) != output_.npos; at += 4) {
      pids.push_back(std::atoi(output_.c_str() + at + 4));
    }
    return pids;
  }

 private:
  template <class Condition>
  bool reads_until(const Condition& holds) {
    while (!holds()) {
      if (!read_some()) return false;
    }
    return true;
  }
  bool read_some() {
    pollfd fds[] = {{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}};
    if (!out_.valid() && !err_.valid()) return false;
    if (::poll(fds, 2, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) {
      return false;
    }
    if (fds[0].revents != 0) take(out_, output_);
    if (fds[1].revents != 0) take(err_, errors_);
    return true;
  }
  static void take(base::Fd& fd, std::string& text) {
    char buffer[65536];
    const ssize_t size = ::read(fd.get(), buffer, sizeof(buffer));
    if (size > 0)
      text.append(buffer, static_cast<size_t>(size));
    else
      fd.reset();
  }

  pid_t pid_;
  base::Fd out_, err_;
  std::string output_, errors_;
};

}  // namespace lp::launching::testing
