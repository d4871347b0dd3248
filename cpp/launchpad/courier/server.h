// Server answers calls at one address. Its threads wait for whatever comes next; the one that reads
// a request runs the method, while another takes over the waiting, so a call crosses no thread.
// Owned by whoever serves an object. Any thread; handlers run on the server's threads, several at a
// time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "launchpad/courier/router.h"
#include "launchpad/net/token.h"
#include "launchpad/net/transport.h"
#include "launchpad/wire/frame.h"

namespace lp::courier {

class ServerCore;

// How a server runs.
struct ServerOptions {
  std::string name{};              // How errors name it, e.g. "producer/0".
  std::string language = "cpp";    // Told to clients.
  int threads = 16;                // Handlers that run at the same time, at most; as many more with
                                   // priority.
  size_t max_queued_calls = 4096;  // Read but not running. Beyond it no more is read: clients wait.
  wire::FrameLimits limits{};      // What it reads, at most.
  // What tcp clients have to prove. None: every process of this user on this host may call, and
  // addresses that others can reach are refused. Beyond the loopback interface TLS comes with it.
  net::Token token{};
  bool always_tls = false;  // TLS on the loopback interface, too. Only with a token.
  // How long a tcp client may take to say who it is.
  base::Nanos greeting_patience{10'000'000'000};
  // Run at the start of each of its threads.
  std::function<void()> on_thread_start{};
  // Run at the end of each.
  std::function<void()> on_thread_end{};
};

// Whether a server with these options may have the listener: the error of `start`.
Status check_listener(const net::Listener& listener, const net::Token& token);

class Server {
 public:
  explicit Server(ServerOptions options = {});
  // Stops, and waits for handlers that still run, however long: what they use may be gone
  // afterwards.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Instead of the options'; before start.
  void set_token(net::Token token);
  // What it answers: bind methods before or after start.
  Router& router();

  // FAILED_PRECONDITION if it was started before; INVALID_ARGUMENT for a listener that other hosts
  // reach, without a token.
  Status start(std::unique_ptr<net::Listener> listener);
  // Where it listens. Only after start.
  const net::Address& address() const;
  // Whether start() was called.
  bool started() const;

  // What clients are told of its health: one that spreads its calls over several servers leaves out
  // one that is not healthy. It answers all the same. Healthy until told otherwise.
  void set_healthy(bool healthy);

  // Takes no more calls, tells clients, waits until running handlers have answered (or `grace` is
  // over), and ends its connections. Queued calls fail with UNAVAILABLE. Idempotent.
  void stop(base::Deadline grace = {});
  // Waits until it is stopped. False: the deadline passed first.
  bool join(const base::Deadline& deadline = {});

 private:
  std::shared_ptr<ServerCore> core_;
};

}  // namespace lp::courier
