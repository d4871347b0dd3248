// Channel is a client's way to one server: calls go out on it and their answers come back, from any
// number of threads. It connects at the first call and again after a break; calls that nobody waits
// for queue meanwhile. A waiting thread reads the connection itself if nobody else does, and hands
// that role on; a thread of the channel's own reads only while answers with callbacks are
// outstanding and nobody waits. Any thread. Closed by its owner; the last one to let go.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/courier/flusher.h"
#include "launchpad/courier/link.h"
#include "launchpad/courier/pending.h"
#include "launchpad/net/token.h"

namespace lp::courier {

// What calls of a closed client end with.
Error closed_error();
// What a server that takes typed values only gets instead of a pickle. Must not wait.
using TypedInstead = std::function<Answer()>;

// How a client connects.
struct ChannelOptions {
  // Wait for a server that does not listen yet. False: UNAVAILABLE at once.
  bool wait_for_ready = true;
  // The server was made to listen before anybody could call it: if nobody listens, it has ended.
  bool prebound = false;
  // Shorter ways to the same server, within this host, that need not be there: each time that it
  // connects it tries them first, in their order.
  std::vector<net::Address> nearer{};
  std::string server_name{};     // How errors name the server; its address if empty.
  std::string language = "cpp";  // Told to the server.
  size_t max_pending = 1 << 20;  // Calls without an answer; beyond it RESOURCE_EXHAUSTED.
  wire::FrameLimits limits{};    // What it reads, at most.
  // Calls made by a method while it answers a call end when that one does: see current_call.h.
  bool inherits_deadline = true;
  // Compress messages, both ways, where it pays; over tcp only: within a host it costs more than it
  // saves.
  bool compress = false;
  // What the ends of a tcp connection prove to each other. None: only servers of this user on this
  // host can be called. Beyond the loopback interface TLS comes with it.
  net::Token token{};
  bool may_lack_token =
      false;  // A server of this host that has no token can be called all the same.
  // Asked at every tick of a waiting call, without any lock: true ends the wait with ABORTED.
  std::function<bool()> interrupted{};
  // Wraps the running of a batch of callbacks (to take a lock once, say).
  std::function<void(const std::function<void()>&)> around_callbacks{};
};

class Channel : public Flushable, public std::enable_shared_from_this<Channel> {
 public:
  static std::shared_ptr<Channel> make(net::Address address, ChannelOptions options);
  ~Channel() override;

  // Sends and waits for the answer.
  virtual Answer call(std::string_view method, const wire::Payload& arguments,
                      const base::Deadline& deadline);

  // Sends; returns once the message is on its way, or waits for a connection: then the arguments'
  // buffers are shared until it is sent. With `callback` the answer goes there, on the channel's
  // thread; else to `wait`. Without `may_wait`, for calls with a callback, it returns also when the
  // server takes no more for now: the channel's thread sends it then. So it does in a callback.
  virtual Result<std::shared_ptr<Pending>> start(
      std::string_view method, const wire::Payload& arguments, const base::Deadline& deadline,
      Callback callback = nullptr, TypedInstead typed = nullptr, bool may_wait = true);
  virtual Answer wait(const std::shared_ptr<Pending>& pending);
  // Instead of `wait`: the answer will go to `callback`. False: it is there, for `wait`.
  virtual bool on_answer(const std::shared_ptr<Pending>& pending, Callback callback);
  // False: not answered by `deadline`, or interrupted. Does not take the answer.
  virtual bool wait_done(const std::shared_ptr<Pending>& pending, const base::Deadline& deadline);
  // The call ends with CANCELLED here, and the server is told. False if it was answered before.
  virtual bool cancel(const std::shared_ptr<Pending>& pending);

  // Asks for the next results of the stream that call `id` opened, on the connection where it did:
  // UNAVAILABLE once that has ended. The answer goes to `wait` or `on_answer`.
  Result<std::shared_ptr<Pending>> ask_stream(uint64_t id, const std::weak_ptr<Link>& opened_on);
  // Nobody takes from the stream that call `id` opened any more, nor waits for `asked` (may be
  // null): the server will be told. With any lock held.
  void end_stream(uint64_t id, std::shared_ptr<Pending> asked);

  // Who the server is; connects if need be.
  virtual Result<Peer> peer(const base::Deadline& deadline);
  // Who it was when this channel last connected.
  virtual std::optional<Peer> known_peer();
  // Connected to a server that says it is healthy, as far as can be seen without waiting.
  virtual bool ready();

  // The server said goodbye when it stopped, and then nobody was there to connect to.
  bool stopped() const { return stopped_.load(); }
  // Calls without an answer.
  size_t calls();

  // Every call on its way, and every later one, fails with CANCELLED. From a callback too.
  virtual void close();

  // The flusher's: sends what was kept back.
  void flush_due() override;

  // The server is on this host, or may be: large buffers travel in shared memory.
  bool may_share() const { return may_share_; }
  // Of several servers, one of them.
  const net::Address& address() const { return address_; }
  // The server's address, or addresses, as text that parses again.
  virtual std::string where() const { return address_.str(); }
  // How messages name it.
  std::string server_name() const;
  const ChannelOptions& options() const { return options_; }

 protected:
  Channel(net::Address address, ChannelOptions options);

 private:
  using Entry = PendingCalls::Entry;
  struct Unsent {
    wire::Payload arguments;
    TypedInstead typed;
  };
  using Lock = std::unique_lock<std::mutex>;

  // Connecting: channel_connect.cc.
  using KeepWaiting = std::function<Status()>;
  Status connect(Lock& lock, const base::Deadline& deadline, const KeepWaiting& keep_waiting);
  Status connect(Lock& lock, const base::Deadline& deadline);  // For the calling thread.
  Result<std::shared_ptr<Link>> make_link(const base::Deadline& deadline,
                                          const KeepWaiting& keep_waiting, Peer& peer);
  Result<std::shared_ptr<Link>> try_ways(const base::Deadline& deadline,
                                         const KeepWaiting& keep_waiting, Peer& peer);
  Result<std::shared_ptr<Link>> try_way(const net::Address& way, const base::Deadline& deadline,
                                        const KeepWaiting& keep_waiting, Peer& peer);
  Status enter(Link& link, const base::Deadline& deadline, const KeepWaiting& keep_waiting);
  Status check_user(Link& link) const;
  Status pause(base::Nanos duration, const base::Deadline& deadline,
               const KeepWaiting& keep_waiting);
  Status keep_waiting();
  void park(Pending& pending, const wire::Payload& arguments, TypedInstead typed);
  void connect_for_unsent();
  void post_unsent();

  // Sending: channel_send.cc.
  Status admit(std::string_view method, Pending& pending, std::shared_ptr<Pending> owner);
  void post_call(Pending& pending, const wire::Payload& arguments);
  // Whether the server, which is known, takes `typed` instead of these arguments.
  bool takes_only_typed(const wire::Payload& arguments, const TypedInstead& typed) const;
  // Looks whether the server has ended an idle connection, where sending would not tell.
  void notice_end();
  // For a caller that waits, and for one that goes on.
  Status submit(Lock& lock, std::string_view method, const wire::Payload& arguments,
                Pending& pending);
  Status submit_or_park(Lock& lock, std::string_view method, const wire::Payload& arguments,
                        const std::shared_ptr<Pending>& pending, TypedInstead typed, bool may_wait);
  // Posts and flushes; an asynchronous small call may wait a little for others, to leave with
  // them. The call is `bounced` if the link broke before any of its message was sent.
  enum class Sending { kSync, kAsync, kNeverWait };
  Status send(Lock& lock, Pending& pending, const wire::Payload& arguments, Sending how);
  Status flush(Lock& lock, const base::Deadline& deadline);
  void tell_of_ended_streams();
  void send_gathered();
  void send_later();
  Answer await(Lock& lock, Pending& pending);
  static Answer answer_of(Pending& pending);
  bool advance(Lock& lock, Pending& pending, const base::Deadline& deadline);
  void read_what_is_there();
  // True: the wait was interrupted.
  bool read_step(Lock& lock, const base::Deadline& deadline);
  // What was read from that link. True: the server says that it stops.
  bool deliver(Link& from, std::vector<wire::Frame>& frames);
  std::shared_ptr<wire::PayloadStream> make_inflow(const Pending& opened);
  void complete(Entry&& entry, wire::Payload&& result);
  void complete(Entry&& entry, Error error);
  template <class A>
  void settle(Pending& pending, A&& answer);
  void break_link(const std::shared_ptr<Link>& link);
  void fail_all(const Error& error);
  void fail_unsent(const Error& error);
  void hand_over();
  // Takes the call off the list, if it is still on it; then its owner is the caller's.
  std::optional<Entry> take(uint64_t id);
  void forget(Pending& pending);
  // Nobody waits for the call any more: the server is told.
  void tell_forgotten(uint64_t id);
  void read_in_background();
  // Whether the calling thread is the one that runs this channel's callbacks.
  bool calls_back_here() const;
  void expire_callbacks();
  // For a call with a callback.
  void ensure_background(const Pending& pending);
  std::optional<base::TimePoint> next_callback_deadline() const;

  const net::Address address_;
  const ChannelOptions options_;
  const bool may_share_;  // The server is on this host, as far as is known.

  std::mutex mutex_;
  std::condition_variable changed_;  // Connected, or closed.
  std::condition_variable background_;
  bool closed_ = false;
  bool connecting_ = false;
  bool reading_ = false;                  // Somebody has the reader's role,
  bool sends_ = false;                    // and sends what is in the outbox, once there is room.
  bool flush_due_ = false;                // The flusher will come.
  std::atomic<bool> due_in_vain_{false};  // It came while somebody had the lock.
  int gathered_ = 0;                      // Calls that were kept back since it last came.
  std::atomic<bool> gathers_{false};      // Some may be kept back now.
  size_t kept_ = 0;                       // Calls put into the outbox since it was empty.
  Flusher::Pace pace_ = Flusher::Pace::kSoon;
  bool has_background_ = false;
  bool has_connector_ = false;  // A thread connects for the calls in `unsent_`.
  std::shared_ptr<Link> link_;
  bool by_tcp_ = false;    // The link is.
  bool said_bye_ = false;  // The server of the last link did.
  std::atomic<bool> stopped_{false};
  std::optional<Peer> peer_;
  Outbox outbox_;
  uint64_t next_id_ = 1;
  size_t callbacks_due_ = 0;    // Pending calls that have a callback,
  size_t timed_callbacks_ = 0;  // of these with a deadline.
  PendingCalls pending_;
  std::map<uint64_t, Unsent> unsent_;         // Those of `pending_` that wait for a link, in order.
  std::vector<Pending*> waiting_;             // Parked threads that could take the reader's role.
  std::vector<std::function<void()>> ready_;  // Callbacks to run.

  struct EndedStream {
    uint64_t id;
    std::shared_ptr<Pending> asked;
  };
  base::Guarded<std::vector<EndedStream>> ended_streams_;  // To tell the server of.
};

}  // namespace lp::courier
