// StopSignal tells the nodes of a program that it shall end: a flag to wait for and handlers to
// run, once. Shared by the nodes of one process. Any thread; `request` runs the handlers on the
// calling thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <thread>

#include "launchpad/base/clock.h"
#include "launchpad/base/fd.h"
#include "launchpad/base/guarded.h"

namespace lp::run {

class StopSignal {
 public:
  // Idempotent. Each handler runs once; what one throws is logged and does not keep the others from
  // running.
  void request();
  // Whether it was.
  bool requested() const;
  // True: the stop was requested. False: the deadline passed first.
  bool wait(const base::Deadline& deadline = {});
  // Readable from then on, for who waits for other descriptors, too; this object's. Negative: the
  // system had none left.
  int fd();
  // If the stop was requested: until its handlers have run. Not from a handler.
  void wait_for_handlers();

  // `handler` runs at the stop (at once, if that was requested already). The number removes it.
  uint64_t add_handler(std::function<void()> handler);
  // Afterwards the handler does not run: waits for one that is running, but for one that removes
  // itself. An unknown number is ignored.
  void remove_handler(uint64_t number);

 private:
  struct State {
    bool requested = false;
    bool handled = false;
    uint64_t next = 1;
    uint64_t running = 0;  // The handler that runs, on this thread.
    std::thread::id thread{};
    std::map<uint64_t, std::function<void()>> handlers;
    base::Fd event{};  // Made for who asks for it.
  };
  std::function<void()> next_handler();

  base::Guarded<State> state_;
};

}  // namespace lp::run
