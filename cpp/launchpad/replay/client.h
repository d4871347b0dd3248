// Client calls a Store, which may be in this process or elsewhere: inserts, samples, priorities,
// state; and makes writers and samplers, which stream. Or it calls several (shards.h), whose tables
// of one name are then one table. A value: copies share the connections. Any thread. Each call that
// can wait takes a deadline, and ends when the server stops (UNAVAILABLE).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/courier/channel.h"
#include "launchpad/replay/messages.h"
#include "launchpad/replay/sample.h"
#include "launchpad/replay/sampler.h"
#include "launchpad/replay/table_info.h"
#include "launchpad/replay/trajectory_writer.h"

namespace lp::replay {

// How many samples one call takes.
struct SampleOptions {
  int64_t count = 1;      // At most.
  int64_t min_count = 1;  // Waits for so many.
  // How long the rate limiter may hold it back; what was sampled until then is given, if that is
  // anything, else DEADLINE_EXCEEDED. None: no bound of its own.
  std::optional<base::Nanos> rate_limiter_timeout{};
};

class Shards;

class Client {
 public:
  Client() = default;
  explicit Client(std::shared_ptr<courier::Channel> channel) : channel_(std::move(channel)) {}
  // Of several servers, in an order that all their clients share. At least one.
  explicit Client(std::vector<std::shared_ptr<courier::Channel>> channels);
  // E.g. "localhost:1234", "unix:/tmp/replay.sock"; of several servers "a,b". Connects at the first
  // call.
  // INVALID_ARGUMENT: no address.
  static Result<Client> connect(std::string_view address, courier::ChannelOptions options = {});

  // A table, and the priority of an item there.
  struct Priority {
    std::string table{};
    double priority = 1.0;
  };

  // One step as an item of its own, in one or more tables: all columns have one step, not squeezed.
  // Returns when it is in all of them: the items' keys, in the order of `priorities`.
  // INVALID_ARGUMENT: no table, no columns, a priority that a table's selectors refuse.
  // NOT_FOUND: no such table.
  Result<std::vector<uint64_t>> insert(std::span<const Cell> columns,
                                       std::span<const Priority> priorities,
                                       const base::Deadline& deadline = {}) const;

  // NOT_FOUND: no such table. INVALID_ARGUMENT: counts below 1.
  Result<std::vector<SampleBatch>> sample(std::string_view table, const SampleOptions& options = {},
                                          const base::Deadline& deadline = {}) const;

  // See Table::mutate. Of several servers each changes its own items in one step, not all together.
  Result<int64_t> mutate_priorities(std::string_view table, std::span<const PriorityUpdate> updates,
                                    std::span<const uint64_t> deletes = {},
                                    const base::Deadline& deadline = {}) const;
  // Empties a table. NOT_FOUND: no such table.
  Status reset(std::string_view table, const base::Deadline& deadline = {}) const;
  // Of all tables, in the order that the server was given them; numbers of several servers are
  // added up.
  Result<std::vector<TableInfo>> info(const base::Deadline& deadline = {}) const;
  // The path of the checkpoint that the server wrote; of several servers all paths, by commas.
  Result<std::string> checkpoint(const base::Deadline& deadline = {}) const;

  // With options.validate_items the tables' signatures are asked for first; `deadline` bounds that.
  Result<std::unique_ptr<TrajectoryWriter>> writer(TrajectoryWriterOptions options,
                                                   const base::Deadline& deadline = {}) const;
  // With what is known of the tables. Of several servers, all its items go to one, in turn.
  Result<std::unique_ptr<TrajectoryWriter>> writer(TrajectoryWriterOptions options,
                                                   std::vector<TableInfo> tables) const;
  // INVALID_ARGUMENT: bad options.
  Result<std::unique_ptr<Sampler>> sampler(SamplerOptions options) const;

  // False for one that was default-constructed.
  bool valid() const { return channel_ != nullptr; }
  // The connection, which copies share; of several, the first.
  const std::shared_ptr<courier::Channel>& channel() const { return channel_; }
  // Null for a client of a single server.
  const std::shared_ptr<Shards>& shards() const { return shards_; }
  // Where the server is.
  std::string address() const;

 private:
  // The same call of all servers, at the same time.
  std::vector<courier::Answer> call_all(std::string_view call, const wire::Payload& arguments,
                                        const base::Deadline& deadline) const;
  Result<int64_t> mutate_shards(std::string_view table, std::span<const PriorityUpdate> updates,
                                std::span<const uint64_t> deletes,
                                const base::Deadline& deadline) const;
  Result<std::vector<SampleBatch>> sample_shards(const SampleCall& call,
                                                 const base::Deadline& deadline) const;

  // INVALID_ARGUMENT: a priority that the table's selectors refuse.
  Status check_updates(std::string_view table, std::span<const PriorityUpdate> updates,
                       const base::Deadline& deadline) const;

  // How the tables of several servers choose, as far as it was asked for.
  struct Selectors {
    SelectorOptions sampler;
    SelectorOptions remover;
  };
  using KnownSelectors = base::Guarded<std::map<std::string, Selectors, std::less<>>>;

  std::shared_ptr<courier::Channel> channel_;
  std::shared_ptr<Shards> shards_;
  std::shared_ptr<KnownSelectors> selectors_;
};

}  // namespace lp::replay
