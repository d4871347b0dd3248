// ServerCore is what a Server's threads share: the reactor, where they wait, the sessions, and the
// queue of calls that were read together.
//
// Calls that arrive in one read are queued and run one after the other, with their answers corked;
// should one of them block, a timer (kStealAfter) wakes another thread, which sends those answers
// and takes over the rest. Who runs them puts it off as long as they are quick (kStealAfterQuick).
// So many small calls cost no thread hop, and a slow one delays the others by no more than that,
// or by a little more than the latter if it follows quick ones. While they are quick,
// other threads do not help, nor wake for what other clients ring (Reactor::run_on). The same goes
// for single calls of several clients that ring together: one thread runs them all, with the same
// timer behind it.
//
// Once a method has priority, as many threads again may be made, which no other call takes (see
// Backlog): they read, run priority calls, and leave the others to those who have a place.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/base/noted.h"
#include "launchpad/courier/anteroom.h"
#include "launchpad/courier/backlog.h"
#include "launchpad/courier/linger.h"
#include "launchpad/courier/reactor.h"
#include "launchpad/courier/running.h"
#include "launchpad/courier/server.h"
#include "launchpad/courier/session.h"

namespace lp::courier {

inline constexpr base::Nanos kStealAfter{500'000};
// Once many calls have ended meanwhile: to put off a timer that goes off before the system's next
// tick may take 2 us, several calls' time.
inline constexpr base::Nanos kStealAfterQuick{2'000'000};

class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  explicit ServerCore(ServerOptions options);

  void set_token(net::Token token) { token_ = std::move(token); }
  Status start(std::unique_ptr<net::Listener> listener);
  void stop(const base::Deadline& grace);
  bool join(const base::Deadline& deadline);
  void wait_for_handlers();
  void set_healthy(bool healthy);

  Router& router() { return router_; }
  const net::Address& address() const { return address_; }
  bool started() const { return started_.load(std::memory_order_acquire); }

 private:
  enum class Phase { kServing, kStopping, kStopped };

  struct Queue {
    explicit Queue(int places) : calls(places) {}

    Backlog calls;
    std::deque<std::shared_ptr<Session>> readable;  // Whose next turn of reading is due.
    // How much lies in it, so that it need not be locked where there is nothing.
    size_t note() const { return calls.size() + readable.size(); }

    std::vector<std::shared_ptr<Session>>
        corked;           // What the timer flushes, should their thread block.
    bool closed = false;  // The server stops: nothing is queued any more.
    bool timer_armed = false;
    base::TimePoint armed_at{};  // When that was, and for how long.
    base::Nanos delay{};
    uint64_t finished = 0;            // Queued calls that were run, and turns under a promise,
    uint64_t finished_at_arming = 0;  // and how many when the timer was armed,
    uint64_t finished_at_look = 0;    // and when the clock was looked at.
  };
  // A thread's own: the session whose answers it holds back, and how many.
  struct Cork {
    std::shared_ptr<Session> session;
    int answers = 0;
  };
  // What a thread keeps from one call to the next.
  struct Streak {
    Cork cork;
    Router::Last last;
    std::shared_ptr<Session> kept{};  // Whose client's next call this thread looks for.
    uint64_t turns = 0;               // That it gave to clients as it has promised.
    bool running = false;             // It counts as running: also between two calls.
  };
  struct Life {
    Phase phase = Phase::kServing;
    int threads = 0;
  };

  // Unless a thread waits for events already, or there are as many as may be.
  void keep_a_reader();
  // Should this thread not look at the rings soon, as it has promised or as clients in line rely
  // on, or at the connection that it keeps, another does. `turns`: how many it has given since.
  void watch_promise(uint64_t turns);
  // Should the thread that answers go on in its call, another one wakes those in line.
  void watch_line();
  void spawn_thread(bool first);
  void reserve_threads();
  void work();
  // One thing that was queued. False: there is none.
  bool run_queued(Streak& streak);
  // The next queued call. Flushes the cork before a call that may leave it behind.
  Backlog::Next next_call(Cork& cork);
  static bool is_full(const Cork& cork);
  // One more call, or turn, begins while others wait for this thread: sees to the timer. True if it
  // was put off: flush_corked() is due in its stead.
  bool stand_by(Queue& queue);
  // Sends all answers that are kept back, of any thread.
  void flush_corked();
  std::shared_ptr<Session> next_readable();
  void wait_for_event(Streak& streak);
  // The next call of the client that is kept. False: it did not come soon. True also if this thread
  // looks for it no more.
  bool linger(Streak& streak);
  void on_descriptor(int fd, uint32_t events, Streak& streak);
  void on_timer(Streak& streak);
  void accept_all();
  // By the owner of the session's turn.
  void read(const std::shared_ptr<Session>& session, Streak& streak);
  // What a turn of reading has brought.
  void finish_turn(const std::shared_ptr<Session>& session, Session::Turn turn,
                   std::vector<wire::Frame>& frames, Streak& streak);
  void take(const std::shared_ptr<Session>& session, std::vector<wire::Frame>& frames,
            Streak& streak);
  void run_single(const std::shared_ptr<Session>& session, wire::Frame&& frame, Streak& streak);
  void run_next(Backlog::Next& next, Streak& streak);
  void run(Call& call, Streak& streak);
  // Before the first call that this thread runs, and those that follow it. False: none begins any
  // more.
  bool begin_running(Streak& streak);
  // Before it waits for anything, or ends.
  void end_running(Streak& streak);
  void hand_to_method(Call& call, Router::Last& last);
  // On a thread like those that run methods; the server's end waits for it.
  Status run_apart(std::function<void()> work);
  void drop(const std::shared_ptr<Session>& session);
  void arm_timer(Queue& queue, base::Nanos delay);
  std::shared_ptr<Session> session_at(int fd);
  void receive_stranger(const std::shared_ptr<Session>& session);

  const ServerOptions options_;
  net::Token token_;  // Constant from start on.
  Router router_;
  net::Address address_;
  int listener_fd_ = -1;
  base::Guarded<std::unique_ptr<net::Listener>> listener_;  // Null once stopping.
  const std::shared_ptr<Reactor> reactor_ = std::make_shared<Reactor>();
  Linger linger_;
  Anteroom anteroom_;
  std::atomic<bool> started_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> ending_{false};
  std::atomic<bool> healthy_{true};
  std::atomic<int> threads_{0};  // Threads there are, or are being made,
  std::atomic<int> limit_;       // and at most.
  base::Noted<Queue> queue_;
  base::Guarded<Life> life_;
  Running running_;  // What the server's end waits for.
  base::Guarded<std::unordered_map<int, std::shared_ptr<Session>>> sessions_;
};

}  // namespace lp::courier
