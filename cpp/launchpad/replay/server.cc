#include "launchpad/replay/server.h"

#include "launchpad/net/transport.h"

namespace lp::replay {

Result<std::unique_ptr<Server>> Server::start(std::vector<std::shared_ptr<Table>> tables,
                                              const std::string& address, StoreOptions store,
                                              courier::ServerOptions server) {
  LP_TRY_ASSIGN(const net::Address parsed, net::Address::parse(address));
  LP_TRY_ASSIGN(auto listener, net::listen(parsed));
  LP_TRY_ASSIGN(auto made, Store::make(std::move(tables), std::move(store)));
  auto courier_server = std::make_unique<courier::Server>(std::move(server));
  made->bind(courier_server->router());
  const Status started = courier_server->start(std::move(listener));
  if (!started.ok()) {
    made->let_go();
    return started.error();
  }
  return std::unique_ptr<Server>(new Server(std::move(made), std::move(courier_server)));
}

Server::Server(std::unique_ptr<Store> store, std::unique_ptr<courier::Server> server)
    : store_(std::move(store)), server_(std::move(server)) {}

Server::~Server() { stop(); }

void Server::stop() {
  // First those who wait for a table are told, while their connections still stand.
  store_->stop();
  server_->stop(base::Deadline::after(std::chrono::seconds(1)));
}

bool Server::wait(const base::Deadline& deadline) { return server_->join(deadline); }

}  // namespace lp::replay
