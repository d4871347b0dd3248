// Balancer is a way to several servers that offer the same: each call goes to one that is up and
// healthy, chosen by the policy. One that does not answer is skipped, and tried again later in the
// background. A call is sent to one server only: what fails there is not sent to another. Any
// thread. Closed by its owner.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/courier/addresses.h"
#include "launchpad/courier/channel.h"

namespace lp::courier {

class Balancer final : public Channel {
 public:
  static std::shared_ptr<Balancer> make(Addresses addresses, ChannelOptions options);

  Answer call(std::string_view method, const wire::Payload& arguments,
              const base::Deadline& deadline) override;
  Result<std::shared_ptr<Pending>> start(std::string_view method, const wire::Payload& arguments,
                                         const base::Deadline& deadline, Callback callback,
                                         TypedInstead typed, bool may_wait) override;
  Answer wait(const std::shared_ptr<Pending>& pending) override;
  bool on_answer(const std::shared_ptr<Pending>& pending, Callback callback) override;
  bool wait_done(const std::shared_ptr<Pending>& pending, const base::Deadline& deadline) override;
  bool cancel(const std::shared_ptr<Pending>& pending) override;
  // Of the next server that is up.
  Result<Peer> peer(const base::Deadline& deadline) override;
  std::optional<Peer> known_peer() override;
  bool ready() override;
  void close() override;
  std::string where() const override;

 private:
  struct Backend {
    std::shared_ptr<Channel> channel;
    bool up = false;  // When last looked at.
    bool trying = false;
    int failures = 0;  // In a row.
    base::TimePoint retry_at{};
  };
  // A call by way of the balancer; its fields are guarded by state_.
  struct Balanced;
  using Held = std::deque<std::shared_ptr<Balanced>>;
  struct State {
    std::vector<Backend> backends;
    size_t next = 0;
    bool closed = false;
    bool has_keeper = false;
    uint64_t news = 0;  // What the keeper should look at: counted.
    Held held;          // Calls that wait for a server, without their callers.
    Error last_error{Code::kUnavailable, "no server has answered yet"};
  };

  Balancer(Addresses addresses, ChannelOptions options);

  std::shared_ptr<Balancer> self() {
    return std::static_pointer_cast<Balancer>(shared_from_this());
  }
  // The next server; null if none is up. Those that are down are tried again where it is time.
  std::shared_ptr<Channel> pick(State& state);
  std::optional<Error> hopeless(const State& state) const;
  void try_again(State& state, size_t index);
  void attempt(size_t index, const std::shared_ptr<Channel>& channel);
  Result<std::shared_ptr<Channel>> wait_for_server(const base::Deadline& deadline);
  void send(const std::shared_ptr<Balanced>& call);
  void hold(State& state, std::shared_ptr<Balanced> call);
  void keep();
  std::optional<base::TimePoint> wake_at(const State& state) const;
  std::optional<Error> ended(const State& state, const Balanced& call) const;
  void finish(const std::shared_ptr<Balanced>& call, Error error);

  const Addresses addresses_;
  base::Guarded<State> state_;
};

}  // namespace lp::courier
