// Linger is how a server's thread that has just answered a client at a socket waits for its next
// call: it looks there itself for a while before it sleeps at the poller, since to be woken takes
// longer than most calls. Meanwhile the connection is kept: the poller, which would wake another
// thread for what this one finds, does not tell of it. That ends when the client pauses, or a call
// takes long. Who keeps one looks there, or lets it go. One connection of a server at a time. Any
// thread.
#pragma once

#include <atomic>
#include <memory>

#include "launchpad/base/noted.h"
#include "launchpad/courier/session.h"
#include "launchpad/shm/spin.h"

namespace lp::courier {

class Linger {
 public:
  // From now on the session is kept. False: another one is, or that did not pay lately.
  bool keep(const std::shared_ptr<Session>& session);
  // True once there(), which looks at the kept session's socket, holds. False if it did not soon:
  // then the session is let go.
  template <class There>
  bool until(const std::shared_ptr<Session>& session, const There& there) {
    if (looking_.exchange(true)) {
      let_go(session);
      return false;
    }
    const bool came = spin_.until(there, shm::Spin::Look::kSystemCall);
    looking_.store(false);
    if (!came) miss(session);
    return came;
  }
  // The poller tells of it again, if it was kept.
  void let_go(const std::shared_ptr<Session>& session);
  // The same, of whichever is kept: its thread is away for too long.
  void let_go();
  // Whether one is kept.
  bool keeps() const { return kept_.note(); }

 private:
  struct Kept {
    std::shared_ptr<Session> session;
    int pause = 0;  // How often none is kept, after a miss.
    bool note() const { return session != nullptr; }
  };
  static void let_go(Kept& kept);
  void miss(const std::shared_ptr<Session>& session);

  std::atomic<bool> looking_{false};
  shm::Spin spin_;  // The looking thread's.
  base::Noted<Kept> kept_;
};

}  // namespace lp::courier
