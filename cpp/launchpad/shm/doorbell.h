// Doorbell is how the connections of one server, that are rings, wake its threads: a page of memory
// that the server shares with its clients. A client sets its number's bit, and wakes one of the
// server's threads if none is looking anyhow. The page also tells of the server's death: the kernel
// marks a robust mutex when the thread that holds it is gone (pthread_mutexattr_setrobust(3)). Any
// thread.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "launchpad/base/result.h"
#include "launchpad/shm/futex.h"
#include "launchpad/shm/segment.h"

namespace lp::shm {

class Doorbell {
 public:
  static constexpr uint32_t kNumbers = 1024;

  // The server's.
  static Result<std::shared_ptr<Doorbell>> create();
  // A client's view of what the server sent.
  static Result<std::shared_ptr<Doorbell>> open(base::Fd memory);

  // A client's.

  // True: no thread of the server sleeps here, but one waits for its sockets and asks to be poked
  // there. `crowded`: a thread of the server that is about to look may need this thread's core.
  [[nodiscard]] bool ring(uint32_t number, bool crowded = false);
  // Wakes one of the server's threads if nobody took the number yet. As `ring`.
  [[nodiscard]] bool insist(uint32_t number);
  bool pending(uint32_t number) const;
  // False: the thread that kept it is gone, and so is the server.
  bool kept() const;

  // The server's.

  // From now on `take` and `rung` look at this number, and those below it, too.
  void use(uint32_t number);
  // By a thread that lives as long as the server does.
  void keep();
  void let_go();
  // A number that was rung since it was last taken.
  std::optional<uint32_t> take();
  bool rung() const;
  // Somebody looks at `rung` all the time: who rings wakes nobody.
  void look(bool looking);
  // Going to sleep: what was looked at between `enter` and `sleep`, and was not yet so, wakes the
  // thread if it is rung or nudged for. `leave` after either. Who has the lowest place is woken
  // first, and has it again: one thread does the work, where its memory is in the cache and where
  // the scheduler had a core for it, and not each in turn.
  struct Bed {
    uint32_t turn;
    uint32_t place;  // A bit.
  };
  Bed enter();
  void sleep(Bed bed);
  void leave(Bed bed);
  bool anybody_sleeps() const;
  // Wakes so many, though nobody rang. False: none of them slept.
  bool nudge(int count);
  // From now on, once: who rings while nobody sleeps here shall poke a socket.
  void ask_for_poke();

  const std::shared_ptr<Segment>& memory() const { return memory_; }

 private:
  struct Page;

  uint32_t take_place();
  bool wake_one();

  explicit Doorbell(std::shared_ptr<Segment> memory);

  const std::shared_ptr<Segment> memory_;
  Page& page_;
  std::atomic<uint32_t> words_{0};  // How many of the page's words hold numbers in use.
  std::atomic<uint32_t> first_{0};  // Where `take` begins to look, so that nobody is left out.
};

}  // namespace lp::shm
