#include "simulation/schedule.h"

#include <memory>
#include <thread>
#include <utility>

#include "launchpad/base/check.h"
#include "launchpad/base/spares.h"
#include "launchpad/courier/retry.h"
#include "launchpad/courier/server.h"
#include "launchpad/net/transport.h"
#include "launchpad/shm/pool.h"
#include "simulation/heap.h"
#include "simulation/ledger.h"
#include "simulation/sockets.h"
#include "simulation/streams.h"

namespace lp::simulation {
namespace {

using courier::Answer;
using courier::Channel;

constexpr uint16_t kPort = 7;
constexpr base::Nanos kGreetingPatience{2 * kSecond};

void pause_for(Time time) { std::this_thread::sleep_for(base::Nanos(time)); }

const char* method_of(const Entry& entry) { return kMethods[static_cast<size_t>(entry.deed)]; }

// One client, and what its threads do.
struct Client {
  std::shared_ptr<Channel> channel;
  std::shared_ptr<courier::Retrier> retrier;  // Of some.
  int attempts = 1;
  bool closed = false;
};

class Life {
 public:
  Life() : world_(World::get()), dice_(world_.dice()), streams_(ledger_, dice_) {}

  // In the world.
  void live();
  Ledger& ledger() { return ledger_; }

 private:
  void draw_world();
  void draw_server();
  void make_client();
  void start_server();
  void disturb();
  void work(Client& client, int calls);
  Entry& draw_call(const Client& client);
  void make_call(Client& client, Entry& entry);
  void make_async(Client& client, Entry& entry);
  void make_retried(Client& client, Entry& entry);
  void make_burst(Client& client);
  void check_rest();

  World& world_;
  Dice& dice_;
  Ledger ledger_;
  Streams streams_;
  net::Address address_;
  courier::ServerOptions options_;
  std::unique_ptr<courier::Server> server_;
  std::vector<std::unique_ptr<Client>> clients_;
};

void Life::draw_world() {
  constexpr Time kSteps[] = {200, 1000, 20 * kMicrosecond, 100 * kMicrosecond};
  constexpr uint64_t kPreempts[] = {0, 64, 16, 4};
  world_.pace() = {.longest_step = kSteps[dice_.below(4)],
                   .preempt_one_in = kPreempts[dice_.below(4)]};
  constexpr Time kLatencies[] = {0, 20 * kMicrosecond, 2 * kMillisecond, 80 * kMillisecond};
  Weather weather{.latency = kLatencies[dice_.below(4)],
                  .split_one_in = dice_.below(4),
                  .short_one_in = dice_.below(3) * 4};
  if (dice_.one_in(3)) weather.capacity = 600 + dice_.below(8000);
  if (!dice_.one_in(4)) {
    weather.cut_one_in = 1 + dice_.below(6);
    weather.cut_within = dice_.one_in(3) ? 40'000 : 600;
    weather.cut_until = dice_.one_in(2) ? 20 * kMillisecond : kSecond;
    ledger_.expect_faults();
  }
  Network::get().begin(weather);
}

void Life::draw_server() {
  const bool tcp = !dice_.one_in(3);
  address_ = tcp ? net::Address{net::Kind::kTcp, "localhost", kPort}
                 : net::Address{net::Kind::kInproc, "sim", 0};
  options_.threads = static_cast<int>(dice_.between(1, 4));
  options_.max_queued_calls = dice_.one_in(3) ? 1 + dice_.below(4) : 4096;
  options_.greeting_patience = kGreetingPatience;
  if (tcp && dice_.one_in(2)) options_.token = net::Token::of(std::string(64, 'a')).value();
}

void Life::make_client() {
  auto client = std::make_unique<Client>();
  courier::ChannelOptions options{.token = options_.token};
  options.wait_for_ready = !dice_.one_in(4);
  options.compress = dice_.one_in(4);
  if (!options.wait_for_ready) ledger_.expect_faults();
  client->channel = Channel::make(address_, options);
  if (dice_.one_in(2)) {
    client->attempts = static_cast<int>(dice_.between(1, 4));
    RetryPolicy policy{.attempts = client->attempts, .seed = dice_.next()};
    policy.first_pause = base::Nanos(dice_.between(0, 30 * kMillisecond));
    client->retrier = courier::Retrier::make(client->channel, policy).value();
  }
  clients_.push_back(std::move(client));
}

void Life::start_server() {
  server_ = std::make_unique<courier::Server>(options_);
  ledger_.bind(server_->router());
  streams_.bind(server_->router());
  auto listener = net::listen(address_);
  LP_CHECK(listener.ok()) << listener.error().message;
  const Status started = server_->start(std::move(listener).value());
  LP_CHECK(started.ok()) << started.error().message;
}

// What happens to the server, and to time, while the clients work.
void Life::disturb() {
  const auto times = dice_.below(4);
  for (uint64_t i = 0; i < times; ++i) {
    pause_for(dice_.between(0, dice_.one_in(2) ? 3 * kMillisecond : 300 * kMillisecond));
    if (dice_.one_in(4)) {
      world_.pass(dice_.between(0, 20 * kSecond));
    } else if (dice_.one_in(5)) {
      Client& client = *clients_[dice_.below(clients_.size())];
      client.closed = true;
      client.channel->close();
    } else {
      ledger_.expect_faults();
      const Time grace = dice_.between(0, 20 * kMillisecond);
      server_->stop(dice_.one_in(2) ? base::Deadline() : base::Deadline::after(base::Nanos(grace)));
      server_.reset();
      pause_for(dice_.one_in(2) ? 0 : dice_.between(0, kSecond));
      start_server();
    }
    ledger_.note_disturbance();
  }
}

Entry& Life::draw_call(const Client& client) {
  Entry& entry = ledger_.add();
  entry.deed = static_cast<Deed>(dice_.one_in(2) ? 0 : dice_.below(5));
  entry.argument_bytes = dice_.below(dice_.one_in(8) ? 20'000 : 100);
  entry.reply_bytes = dice_.below(dice_.one_in(8) ? 20'000 : 100);
  if (dice_.one_in(8)) entry.buffer_bytes = dice_.below(dice_.one_in(4) ? 100'000 : 4000);
  if (entry.deed == Deed::kSlow || entry.deed == Deed::kLater)
    entry.pause = dice_.between(0, dice_.one_in(4) ? 300 * kMillisecond : 2 * kMillisecond);
  if (dice_.one_in(4)) {
    const Time left = dice_.between(0, dice_.one_in(3) ? kSecond : 5 * kMillisecond);
    entry.deadline = base::Deadline::after(base::Nanos(left));
  }
  entry.may_cancel = client.closed;
  world_.tell(
      "call %zu, %s, %zu and %zu bytes, has %.3f ms", static_cast<size_t>(entry.number),
      method_of(entry), static_cast<size_t>(entry.argument_bytes),
      static_cast<size_t>(entry.buffer_bytes),
      entry.deadline.never() ? 0. : static_cast<double>(entry.deadline.left().count()) / 1e6);
  return entry;
}

void Life::work(Client& client, int calls) {
  for (int i = 0; i < calls; ++i) {
    if (dice_.one_in(4)) pause_for(dice_.between(0, 20 * kMillisecond));
    if (dice_.one_in(8)) {
      make_burst(client);
      continue;
    }
    if (dice_.one_in(6)) {
      streams_.take(*client.channel, client.closed);
      continue;
    }
    Entry& entry = draw_call(client);
    if (client.retrier != nullptr && dice_.one_in(2))
      make_retried(client, entry);
    else if (dice_.one_in(3))
      make_call(client, entry);
    else
      make_async(client, entry);
  }
}

void Life::make_call(Client& client, Entry& entry) {
  const auto arguments = Ledger::arguments_of(entry);
  const Answer answer = client.channel->call(method_of(entry), arguments, entry.deadline);
  entry.may_cancel |= client.closed;
  ledger_.end(entry, answer);
}

void Life::make_async(Client& client, Entry& entry) {
  const auto arguments = Ledger::arguments_of(entry);
  const auto callback = [this, &client, &entry](const Answer& answer) {
    entry.may_cancel |= client.closed;
    ledger_.end(entry, answer);
  };
  const bool by_callback = dice_.one_in(3);
  world_.tell("it goes to %s", by_callback ? "a callback" : "a future");
  auto started = client.channel->start(method_of(entry), arguments, entry.deadline,
                                       by_callback ? courier::Callback(callback) : nullptr, nullptr,
                                       !by_callback || dice_.one_in(2));
  if (!started.ok()) return callback(started.error());
  if (dice_.one_in(4)) {
    if (dice_.one_in(2)) pause_for(dice_.between(0, 5 * kMillisecond));
    entry.may_cancel = true;
    const bool cancelled = client.channel->cancel(started.value());
    if (!cancelled) entry.may_cancel = client.closed;
  }
  if (by_callback) return;
  if (dice_.one_in(3) && client.channel->on_answer(started.value(), callback)) return;
  if (dice_.one_in(4)) {
    const auto soon = base::Deadline::after(base::Nanos(dice_.between(0, 3 * kMillisecond)));
    client.channel->wait_done(started.value(), soon);
  }
  entry.awaited = world_.now();
  callback(client.channel->wait(started.value()));
}

void Life::make_retried(Client& client, Entry& entry) {
  entry.most_runs = client.attempts;
  auto arguments = Ledger::arguments_of(entry);
  const auto callback = [this, &client, &entry](const Answer& answer) {
    entry.may_cancel |= client.closed;
    ledger_.end(entry, answer);
  };
  if (dice_.one_in(3))
    return callback(client.retrier->call(method_of(entry), arguments, entry.deadline));
  const bool by_callback = dice_.one_in(2);
  world_.tell("it goes to %s, retried", by_callback ? "a callback" : "a future");
  auto started = client.retrier->start(method_of(entry), std::move(arguments), entry.deadline,
                                       by_callback ? courier::Callback(callback) : nullptr);
  if (!started.ok()) return callback(started.error());
  if (dice_.one_in(4)) {
    if (dice_.one_in(2)) pause_for(dice_.between(0, 40 * kMillisecond));
    entry.may_cancel = true;
    const bool cancelled = started.value()->cancel();
    if (!cancelled) entry.may_cancel = client.closed;
  }
  if (by_callback) return;
  entry.awaited = world_.now();
  callback(started.value()->wait());
}

// Several on their way together.
void Life::make_burst(Client& client) {
  std::vector<std::pair<Entry*, std::shared_ptr<courier::Pending>>> burst;
  const auto end = [&](Entry& entry, const Answer& answer) {
    entry.may_cancel |= client.closed;
    ledger_.end(entry, answer);
  };
  for (auto i = dice_.between(2, 6); i > 0; --i) {
    Entry& entry = draw_call(client);
    auto started =
        client.channel->start(method_of(entry), Ledger::arguments_of(entry), entry.deadline);
    if (started.ok())
      burst.emplace_back(&entry, started.value());
    else
      end(entry, started.error());
  }
  for (auto& [entry, pending] : burst) {
    entry->awaited = world_.now();
    end(*entry, client.channel->wait(pending));
  }
}

void Life::live() {
  draw_world();
  draw_server();
  start_server();
  const auto clients = dice_.between(1, 2);
  for (auto i = clients; i > 0; --i) make_client();
  std::vector<std::thread> threads;
  for (auto i = dice_.between(clients, 3); i > 0; --i) {
    Client& client = *clients_[static_cast<size_t>(i % clients)];
    threads.emplace_back([this, &client, calls = dice_.between(1, 5)] { work(client, calls); });
  }
  disturb();
  for (auto& thread : threads) thread.join();
  check_rest();
}

// All calls end; then nothing is left anywhere.
void Life::check_rest() {
  for (int i = 0; i < 100 && ledger_.open_calls() > 0; ++i) pause_for(kSecond);
  ledger_.check_all_ended();
  pause_for(kSecond);  // Streams that were given up are told of with some delay.
  for (const auto& client : clients_) {
    if (const size_t left = client->channel->calls(); left > 0)
      ledger_.complain(std::to_string(left) + " calls are left in a channel");
    client->channel->close();
  }
  clients_.clear();
  for (int i = 0; i < 100 && ledger_.running() + streams_.running() > 0; ++i) pause_for(kSecond);
  pause_for(2 * kGreetingPatience.count());
  if (const size_t left = Descriptors::get().count<Stream>(); left > 0)
    ledger_.complain(std::to_string(left) + " connections are left when all clients are gone");
  server_.reset();
}

}  // namespace

Outcome run_schedule(uint64_t seed) {
  // No fiber runs the destructors of its thread_locals.
  base::threads_keep_spares.store(false);
  Outcome outcome;
  const int64_t pieces = pieces_of_memory();
  std::string hang;
  {
    auto life = std::make_unique<Life>();
    hang = World::get().run(seed, [&] { life->live(); });
    outcome.complaints = life->ledger().complaints();
    outcome.calls = life->ledger().entries().size();
    // Threads that hang use it still.
    if (!hang.empty()) [[maybe_unused]]
      auto* const kept = life.release();
  }
  Network::get().begin({});
  if (const size_t left = shm::Pool::instance().info().segments_in_use; left > 0)
    outcome.complaints.push_back(std::to_string(left) + " blocks of shared memory are left");
  shm::Pool::instance().trim();
  outcome.trace = World::get().trace();
  outcome.steps = World::get().steps();
  if (!hang.empty()) {
    outcome.complaints.push_back(hang);
    return outcome;
  }
  if (const size_t left = Descriptors::get().open(); left > 0)
    outcome.complaints.push_back(std::to_string(left) + " descriptors are left");
  if (const int64_t left = pieces_of_memory() - pieces; left != 0 && outcome.complaints.empty())
    outcome.complaints.push_back(std::to_string(left) + " pieces of memory are left");
  return outcome;
}

}  // namespace lp::simulation
