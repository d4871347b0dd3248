// Reactor is where a server's idle threads wait for what comes next: sockets in one edge-triggered
// epoll set, and a doorbell for the connections that are rings. Leader and followers: the thread
// that hears of something deals with it itself. One idle thread at least watches the sockets, and
// hears of rings there too if it is the only one; others sleep at the doorbell, which wakes them
// faster. Shared by the server and its sessions. Any thread.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "launchpad/base/fd.h"
#include "launchpad/base/guarded.h"
#include "launchpad/base/timer.h"
#include "launchpad/courier/wake_line.h"
#include "launchpad/shm/doorbell.h"
#include "launchpad/shm/spin.h"

namespace lp::courier {

class Session;

class Reactor {
 public:
  Reactor();

  // RESOURCE_EXHAUSTED: the system had no descriptors left for it.
  const Status& made() const { return made_; }

  struct Event {
    enum class Kind { kNone, kTimer, kDescriptor, kRing };
    Kind kind = Kind::kNone;
    int fd = -1;                         // Of a descriptor,
    uint32_t events = 0;                 // and what epoll says of it.
    std::shared_ptr<Session> session{};  // Of a ring;
    bool promise_begins = false;         // for it this thread makes a promise anew.
  };
  // What has happened already, or does so while this thread looks for it, which it does no longer
  // than pays. Nothing: it is to sleep.
  std::optional<Event> look();
  // Waits until something happens, or seems to.
  Event sleep();
  // The calling thread is about to wait, after it has told a client something: who rings because of
  // that need not wake another thread.
  void expect();
  // It does something else first, that may take long. To read what somebody who rang has sent does
  // not.
  void unexpect();
  // The calling thread is about to run one of the calls that were read together, and more of them
  // wait. As long as they are quick it promises to look who rang when they are done, and nobody
  // else need wake for that, or help: several threads would only be in each other's way. Whom
  // `look` gives one ring of several promises the same. Somebody must call `break_promise` if a
  // call takes long after all.
  void run_on();
  void break_promise();
  // A client has sent one call, and waits for the answer.
  void called(LineClient& client);
  // Called when a client comes to stand in line, by the thread that has its answer.
  void on_line(std::function<void()> comes) { line_comes_ = std::move(comes); }
  // The calling thread has an answer for a client that sleeps. True: the client is woken in its
  // turn, by whoever looks. Should nobody do so soon, since a call takes long, somebody must.
  bool stand_in_line(const std::shared_ptr<LineClient>& client);
  // Then, after the answer was written.
  void answered();
  WakeLine& wake_line() { return wake_line_; }
  // From now on other threads are always wanted, and nobody promises.
  void promise_no_more() { promises_.store(false); }
  bool promised() const { return promised_.load() != Promise::kNone; }
  // Whether connections are, or were, rings.
  bool has_rings() const { return rings_.load(std::memory_order_acquire); }
  // Whether others took the core of the thread that looked last when it lent it.
  bool crowded() const { return spin_.crowded(); }
  // Whether a thread waits at the sockets, which hears the timer.
  bool watched() const { return at_sockets_.load() > 0; }
  bool promised_here() const;  // By the calling thread,
  bool goes_on() const;        // and it has run a call since.
  // The caller goes away for a while. False: then nobody waits here.
  bool attended();
  // From now on nobody waits.
  void end();

  // RESOURCE_EXHAUSTED: the system watches no more descriptors.
  Status watch(int fd, uint32_t events);
  // Instead of what was watched there.
  void rewatch(int fd, uint32_t events);
  void unwatch(int fd);
  // A timer event after the delay.
  void arm_timer(base::Nanos delay) { timer_.set(delay); }

  // A connection wants to be rings: its number at the doorbell. Nothing: there are too many.
  // It has it as long as it lives.
  std::optional<uint32_t> enter(std::weak_ptr<Session> session);
  const std::shared_ptr<shm::Doorbell>& doorbell() const { return doorbell_; }
  // By a thread that lives as long as the server: its death shall be seen.
  void keep_doorbell();
  void let_doorbell_go();

 private:
  // The thread that has promised to look who rang is away, running calls, or back to do so.
  enum class Promise { kNone, kAway, kBack };
  // What a thread that looks who rang is known for.
  struct Looker {
    bool counted = false;   // It is one of the doorbell's lookers,
    bool promised = false;  // and the thread that is back.
  };

  Event sleep_at_sockets();
  std::optional<Event> sleep_at_doorbell();
  std::optional<Event> look_for_ring(Looker looker);
  std::optional<Event> take_rung(Looker looker);
  bool takes_turns();
  void wake_in_line();
  void leave_crowd();
  void look_no_more(Looker& looker);
  void read_first(const Looker& looker);
  // False: the promise was not what it is to change from.
  bool change_promise(Promise from, Promise to) {
    return promised_.compare_exchange_strong(from, to);
  }
  bool promise_to_look(const Looker& looker);
  // As many do quick calls as there are cores: more would only take these from each other.
  bool all_busy() const;
  void time_turn();
  void pass_on();
  void summon();

  base::Fd epoll_;
  base::Timer timer_;
  base::Fd ended_;  // Readable for ever once the threads shall end.
  base::Fd relay_;  // Wakes one thread that watches the sockets.
  Status made_;
  std::shared_ptr<shm::Doorbell> doorbell_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> rings_{false};         // There are, or were, connections that are rings.
  std::atomic<int> at_sockets_{0};         // Threads that wait there,
  std::atomic<bool> looking_{false};       // and one that looks whether anybody rings.
  std::atomic<bool> quick_{true};          // The last calls that were read together were,
  std::atomic<bool> quick_turns_{true};    // and the last turns of clients that rang together.
  std::atomic<bool> quick_by_call_{true};  // or only long for their many calls.
  std::atomic<bool> promises_{true};       // Threads may promise.
  // A thread looks soon: it is one of the doorbell's lookers.
  std::atomic<Promise> promised_{Promise::kNone};
  std::atomic<int> busy_{0};           // Threads that do something while others ring.
  std::atomic<bool> summoned_{false};  // A thread was woken, and does not run yet.
  shm::Spin spin_;                     // The looking thread's.
  int crowded_looks_ = 0;              // In a row,
  base::TimePoint move_at_{};          // and when it may move to another core.
  WakeLine wake_line_;
  std::function<void()> line_comes_ = [] {};
  base::Guarded<std::vector<std::weak_ptr<Session>>> sessions_;  // By number.
};

}  // namespace lp::courier
