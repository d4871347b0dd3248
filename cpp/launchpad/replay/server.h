// Server is a Store behind a courier server of its own: what a program outside of a run starts.
// Owned by whoever made it; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launchpad/courier/server.h"
#include "launchpad/replay/store.h"

namespace lp::replay {

class Server {
 public:
  // Listens at `address`, e.g. "localhost:0" (a free port) or "unix:/tmp/replay.sock".
  // UNAVAILABLE: it is taken. Errors of Store::make.
  static Result<std::unique_ptr<Server>> start(std::vector<std::shared_ptr<Table>> tables,
                                               const std::string& address, StoreOptions store = {},
                                               courier::ServerOptions server = {});
  ~Server();

  Store& store() { return *store_; }
  // With the port that was chosen.
  const net::Address& address() const { return server_->address(); }

  // Wakes everybody who waits for a table, and takes no more calls. Idempotent.
  void stop();
  // Waits until it is stopped. False: the deadline passed first.
  bool wait(const base::Deadline& deadline = {});

 private:
  Server(std::unique_ptr<Store> store, std::unique_ptr<courier::Server> server);
  // The courier server ends first: its handlers use the store.
  std::unique_ptr<Store> store_;
  std::unique_ptr<courier::Server> server_;
};

}  // namespace lp::replay
