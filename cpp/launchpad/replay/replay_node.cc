#include "launchpad/replay/replay_node.h"

#include <algorithm>
#include <mutex>

#include "launchpad/base/log.h"
#include "launchpad/replay/checkpoint.h"
#include "launchpad/replay/store.h"
#include "launchpad/replay/tables.h"

namespace lp {
namespace replay {
namespace {

constexpr base::Nanos kStopGrace{1'000'000'000};

// Few: a call never waits on a thread.
constexpr int kThreads = 4;

}  // namespace

NodeBody::NodeBody(std::vector<TableOptions> tables, ReplayNodeOptions options, int shard)
    : tables_(std::move(tables)), options_(std::move(options)) {
  if (options_.num_shards > 1 && !options_.checkpoint_folder.empty()) {
    options_.checkpoint_folder += "/shard-" + std::to_string(shard);
  }
}

std::vector<std::shared_ptr<NodeBody>> make_shards(const std::vector<TableOptions>& tables,
                                                   const ReplayNodeOptions& options) {
  std::vector<std::shared_ptr<NodeBody>> bodies;
  for (int shard = 0; shard < std::max(options.num_shards, 1); ++shard) {
    bodies.push_back(std::make_shared<NodeBody>(tables, options, shard));
  }
  return bodies;
}

Status NodeBody::check() const {
  if (options_.num_shards < 1) {
    return Error(Code::kInvalidArgument, "num_shards (" + std::to_string(options_.num_shards) +
                                             ") must be a positive integer");
  }
  if (!options_.checkpoint_folder.empty() && options_.checkpoint_every <= base::Nanos(0)) {
    return Error(Code::kInvalidArgument, "checkpoint_every (" +
                                             std::to_string(options_.checkpoint_every.count()) +
                                             " ns) must be positive");
  }
  std::vector<std::string> names;
  for (const TableOptions& table : tables_) {
    LP_TRY(check_table(table));
    names.push_back(table.name);
  }
  return check_names(names);
}

void NodeBody::run(NodeContext& context) {
  std::vector<std::shared_ptr<Table>> tables;
  for (const TableOptions& table : tables_) {
    tables.push_back(Table::make(table).value_or_throw());
  }
  const bool saves = !options_.checkpoint_folder.empty();
  Checkpointer checkpointer({.folder = options_.checkpoint_folder});
  std::mutex saving;  // One at a time, whoever asks.
  Store* saved_store = nullptr;
  const auto save = [&](Haste haste) {
    const std::lock_guard lock(saving);
    return checkpointer.save(*saved_store, haste);
  };
  StoreOptions store_options;
  if (saves) store_options.checkpoint = [&] { return save(Haste::kGivesWay); };
  // It ends before what its options use.
  const auto store = Store::make(std::move(tables), std::move(store_options)).value_or_throw();
  saved_store = store.get();
  if (saves) checkpointer.load(*store).value_or_throw();
  const auto server = context.make_server(kThreads);
  store->bind(server->router());
  server->start(context.run_context()->listen().value_or_throw()).value_or_throw();
  while (!context.wait_for_stop(saves ? base::Deadline::after(options_.checkpoint_every)
                                      : base::Deadline())) {
    if (const auto saved = save(Haste::kGivesWay); !saved.ok()) {
      base::log(base::LogLevel::kWarning, "no checkpoint was written: " + saved.error().message);
    }
  }
  if (saves) save(Haste::kAtOnce).value_or_throw();
  store->stop();
  server->stop(base::Deadline::after(kStopGrace));
}

}  // namespace replay

replay::Client ReplayHandle::dereference() const {
  std::vector<std::shared_ptr<courier::Channel>> channels;
  for (const graph::SlotPtr& slot : slots_) {
    channels.push_back(graph::open_channel(*slot).value_or_throw());
  }
  return replay::Client(std::move(channels));
}

}  // namespace lp
