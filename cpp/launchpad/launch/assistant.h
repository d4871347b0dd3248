// Assistant is a program that the launcher runs for itself (tmux, say), in a session of its own,
// with what it prints kept. Its end kills it. One thread at a time; any thread may end it.
#pragma once

#include <sys/types.h>

#include <string>

#include "launchpad/base/clock.h"
#include "launchpad/launch/child_process.h"

namespace lp::launching {

class Assistant {
 public:
  // RESOURCE_EXHAUSTED: no process. A program that cannot be executed ends with status 127.
  static Result<Assistant> start(const Executable& executable);
  Assistant(Assistant&& other) noexcept;
  Assistant& operator=(Assistant&&) = delete;
  ~Assistant();

  // Readable once it has ended.
  int pidfd() const { return pidfd_.get(); }
  // Its exit status; negative: a signal's number. After `limit` it is killed.
  int wait(base::Nanos limit);
  // What it printed, once it has ended.
  const std::string& output() const { return output_; }
  const std::string& errors() const { return errors_; }

 private:
  Assistant() = default;

  pid_t pid_ = -1;  // -1: it has ended.
  int status_ = 0;
  base::Fd pidfd_, out_, err_;
  std::string output_, errors_;
};

}  // namespace lp::launching
