// Session is the server's end of one connection: it turns bytes into frames for whoever of the
// server's threads finds it readable, and sends answers from any thread. Shared by the server and
// the calls in flight.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_set>
#include <vector>

#include "launchpad/base/noted.h"
#include "launchpad/courier/entrance.h"
#include "launchpad/courier/flusher.h"
#include "launchpad/courier/handshake.h"
#include "launchpad/courier/inlet.h"
#include "launchpad/courier/outbox.h"
#include "launchpad/courier/outflows.h"
#include "launchpad/courier/reactor.h"
#include "launchpad/net/socket.h"

namespace lp::courier {

// Unsent answers beyond this stop the reading of further calls, until the client takes some.
inline constexpr size_t kMaxUnsentBytes = 64 << 20;
// What one turn of reading takes at most, so that one client cannot keep a thread for itself.
inline constexpr size_t kMaxFramesPerTurn = 256;

// What the poller tells of a connection.
inline constexpr uint32_t kReadingEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;

class Session : public Flushable, public LineClient, public std::enable_shared_from_this<Session> {
 public:
  Session(net::Socket socket, std::shared_ptr<Reactor> reactor, Peer self,
          wire::FrameLimits limits);
  ~Session() override;

  // Before its first turn: what the connection has to pass.
  void set_entrance(std::unique_ptr<Entrance> entrance) { entrance_ = std::move(entrance); }
  // Closes it, and logs why; once.
  void turn_away(const std::string& why);

  enum class Turn {
    kDrained,  // Everything that was there is read; an edge tells of more.
    kMore,     // More may be there: whoever got this owns the next turn.
    kHeld,     // Not read on, since the client does not take its answers; a flush will tell.
    kClosed,
  };

  // After an edge: true if the caller now owns the next turn of reading, false if another thread
  // has it.
  bool claim_turn() { return edges_.fetch_add(1, std::memory_order_acq_rel) == 0; }
  // By the owner of the turn. Appends complete calls and cancels to `frames`.
  Turn read(std::vector<wire::Frame>& frames);

  // What epoll says of the descriptor, before its edge is claimed: after the other end's end, what
  // is left is read to the end. False: it is rings, and hears of its bytes elsewhere.
  bool note_edge(bool ended);
  // From now on the poller tells of bytes, also of those that are there; or it does not: who calls
  // this looks for them itself.
  void watch_reading(bool watched);
  // After an edge: more can be sent. True if reading, that was held, is now the caller's turn.
  bool flush_ready();

  // Answers call `id` with a stream, or with why there is none.
  void answer_with_stream(uint64_t id, std::shared_ptr<wire::PayloadStream> source);
  Outflows& streams() { return streams_; }
  // Sends an answer. From a thread that has corked this session it waits for flush(), in the outbox
  // or in the ring, or until these are full.
  void answer(wire::FrameType type, uint64_t id, uint64_t argument, const wire::Payload& payload);
  // True: the client slept.
  bool flush();
  // The line's.
  bool wake() override { return flush(); }
  void ask_to_rest(shm::Rest rest) override;
  uint32_t core() const override { return socket_.rings()->reader_core(); }
  // The flusher's.
  void flush_due() override { flush(); }
  static void set_corked_on_this_thread(const Session* session);
  // The call that this thread is running, and has nothing to do after but to wait for others.
  static void set_running_on_this_thread(const Session* session, uint64_t id);
  // Tells the client, now or when it greets.
  void set_healthy(bool healthy);
  // Sends kBye and closes once all is sent.
  void say_bye();
  void close();

  bool is_cancelled(uint64_t id);
  // The call, or the stream that it opened.
  void cancel(uint64_t id);
  // Calls came in / were answered; says when the set of cancelled ids can be forgotten.
  void count_calls(int count) { calls_.fetch_add(count, std::memory_order_relaxed); }
  // How many are not answered.
  int64_t calls() const { return calls_.load(std::memory_order_relaxed); }

  // When its last lone call was answered, at a socket.
  base::TimePoint answered_at() const { return answered_at_.load(std::memory_order_relaxed); }
  void set_answered_at(base::TimePoint time) {
    answered_at_.store(time, std::memory_order_relaxed);
  }

  const Peer& peer() const { return peer_; }
  int fd() const { return socket_.fd(); }
  // Whether the client has said who it is.
  bool known() const { return known_.load(std::memory_order_acquire); }
  // Whether its bytes go through memory.
  bool over_rings() const { return socket_.rings() != nullptr; }
  // Whether the client must be woken to take an answer, as far as memory tells.
  bool client_sleeps() const {
    const net::Rings* const rings = socket_.rings();
    return rings != nullptr && rings->reader_sleeps();
  }
  bool closed() const { return closed_.load(std::memory_order_acquire); }

 private:
  struct Out {
    Outbox box;
    bool watching = false;      // The poller tells when more can be sent,
    bool reading = true;        // and of bytes that come.
    bool reading_held = false;  // Reading waits for the outbox to shrink.
    bool closing = false;
    bool welcomed = false;
    bool healthy = true;
    std::unordered_set<uint64_t> cancelled;

    // Whether room to send, or a turn of reading, changes anything here: else the lock need not be
    // taken for it.
    bool note() const {
      return watching || reading_held || closing || box.bytes() > kMaxUnsentBytes;
    }
  };

  // In the midst of a burst of messages: lets some more gather.
  void gather();
  // One step through the entrance; kInterrupted: it is through.
  net::Io enter();
  // Logs why, then tells the client.
  void refuse_entrance();
  void log_end(const std::string& why) const;
  // Deals with every complete frame, or appends it to `frames`. An error ends the connection.
  Status take_all(std::vector<wire::Frame>& frames);
  Status greet(const wire::Frame& frame);
  void begin_sharing();
  // Makes rings of the connection if the client offers them; before the welcome.
  std::unique_ptr<net::Rings> accept_rings();
  void welcome(Out& out);
  // The calling thread goes on to other calls of this session's, and flushes then. False: it must
  // do so now.
  bool keep_back(Out& out);
  // `quietly`: a client that sleeps is not woken. True: it slept, and was.
  bool flush_locked(Out& out, bool quietly = false);
  // Whether the client sleeps and is woken in its turn.
  bool waits_for_turn();
  // False: there is room already.
  bool watch(Out& out);
  // Tells the poller what is watched.
  void rewatch(const Out& out);
  void forget_cancelled(Out& out);

  net::Socket socket_;
  const std::shared_ptr<Reactor> reactor_;
  const Peer self_;
  const wire::FrameLimits limits_;
  Inlet inlet_;                         // The reading thread's.
  std::unique_ptr<Entrance> entrance_;  // The reading thread's; null once it is through.
  size_t burst_ = 0;  // The reading thread's: messages since the client was seen to take answers.
  std::atomic<bool> known_{false};  // It has greeted.
  Peer peer_;                       // Set by the greeting, constant after.
  std::atomic<uint32_t> edges_{0};  // Unhandled edges; not 0: somebody reads.
  std::atomic<int64_t> calls_{0};   // In flight.
  std::atomic<base::TimePoint> answered_at_{};
  std::atomic<bool> closed_{false};
  std::atomic<bool> any_cancelled_{false};  // Whether Out::cancelled holds any.
  Outflows streams_;
  base::Noted<Out> out_;
};

}  // namespace lp::courier
