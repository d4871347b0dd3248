#include "launchpad/courier/server.h"

#include "launchpad/courier/server_core.h"

namespace lp::courier {

Status check_listener(const net::Listener& listener, const net::Token& token) {
  if (token || !listener.reaches_beyond_host()) return {};
  return Error(Code::kInvalidArgument,
               "others than this host can reach '" + listener.address().str() +
                   "': give the server a token that its clients have too (`token`), or let it "
                   "listen on localhost");
}

Server::Server(ServerOptions options) : core_(std::make_shared<ServerCore>(std::move(options))) {}

Server::~Server() {
  stop();
  core_->wait_for_handlers();
}

void Server::set_token(net::Token token) { core_->set_token(std::move(token)); }

Router& Server::router() { return core_->router(); }

Status Server::start(std::unique_ptr<net::Listener> listener) {
  return core_->start(std::move(listener));
}

const net::Address& Server::address() const {
  LP_CHECK(core_->started()) << "a server has no address before start()";
  return core_->address();
}

bool Server::started() const { return core_->started(); }

void Server::set_healthy(bool healthy) { core_->set_healthy(healthy); }

void Server::stop(base::Deadline grace) { core_->stop(grace); }

bool Server::join(const base::Deadline& deadline) { return core_->join(deadline); }

}  // namespace lp::courier
