// Signals turns SIGINT, SIGTERM and SIGQUIT into bytes for the runs of this process that listen.
// While at least one does, the process's handlers for them are ours; then those before are back.
// A signal that was ignored stays ignored. Any thread.
#pragma once

namespace lp::launching {

class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Readable when signals came: `read_number` gives them one by one, then 0. -1: too many runs at a
  // time.
  int fd() const;
  int read_number();

  // From `begin` to `end` signals come here. Calls may nest.
  void begin();
  void end();

 private:
  int slot_;
};

}  // namespace lp::launching
