// Output merges what a run's processes print into the launcher's own standard output and error,
// line by line, each line behind its node's "[label/index] ". It has a thread of its own, so that a
// terminal that stands still holds up nothing but printing. Owned by a run's supervising thread.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "launchpad/base/fd.h"

namespace lp::launching {

// A longer line is cut into pieces of this size.
inline constexpr size_t kMaxLine = 64 * 1024;

class Output {
 public:
  // How long at the end to wait for what does not close its end of a pipe (a daemon that a node
  // left).
  static constexpr std::chrono::milliseconds kDrain{300};

  // Writes to these descriptors, which it does not own.
  explicit Output(int out = 1, int err = 2);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // The reading end of the standard output (or error) of task `number`. Before `start`.
  void add(base::Fd pipe, bool is_error, const std::string& name, size_t number);
  void start();
  // All processes have ended: prints what they left, also a last line without an end, and returns.
  void finish();
  // From now on prints only what can be printed at once.
  void hurry();

 private:
  struct Stream {
    base::Fd pipe;
    bool is_error;
    std::string prefix;
    std::string pending;  // A line that has not ended.
  };
  struct Sink {
    int fd;
    bool coloured;
    bool broken = false;
    std::string waiting{};
  };

  void loop();
  // Reads what is there; closes the pipe at its end.
  void drain(Stream& stream);
  void take_lines(Stream& stream, bool all);
  void print(Sink& sink);
  // Waits until the sink takes more; false: give up.
  bool wait_for(const Sink& sink);

  Sink sinks_[2];
  std::vector<Stream> streams_;
  base::Fd event_;
  std::atomic<bool> finishing_{false};
  std::atomic<bool> hurrying_{false};
  std::thread thread_;
};

}  // namespace lp::launching
