// Store serves a set of tables: it binds the calls that replay::Client makes to a courier Router,
// remembers how far each writer has come, so that what is sent again after a break is put in once,
// and ends waits whose time is over. Owned by whoever owns the courier server; it must outlive it.
// Any thread. Handlers never block a thread of the server.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "launchpad/courier/router.h"
#include "launchpad/replay/table.h"

namespace lp::replay {

class StoreCore;

// One writer's state, as a checkpoint keeps it.
struct WriterState {
  uint64_t session = 0;
  uint64_t last = 0;  // The number of its last item that was put in.
  LP_FIELDS(session, last);
};

struct StoreOptions {
  // What the call `checkpoint` does: gives the path of what it wrote. On a thread of the store's,
  // one at a time; who asked before it began shares the answer. None: INVALID_ARGUMENT.
  std::function<Result<std::string>()> checkpoint{};
  // Items of one writer that may wait for a table at the same time.
  size_t max_waiting_items = 1024;
  // A writer that was not heard of for so long lets go of its chunks; it sends them again, if need
  // be.
  base::Nanos forget_chunks_after{60'000'000'000};
  // And one that ended without a word is forgotten as a whole.
  base::Nanos forget_writers_after{std::chrono::hours(24)};
};

class Store {
 public:
  // INVALID_ARGUMENT: no table, two of the same name, one that another store has, or one that was
  // closed: a table is one store's.
  static Result<std::unique_ptr<Store>> make(std::vector<std::shared_ptr<Table>> tables,
                                             StoreOptions options = {});
  // Stops.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Binds all of replay's calls. Before the server starts.
  void bind(courier::Router& router);

  const std::vector<std::shared_ptr<Table>>& tables() const;
  std::shared_ptr<Table> table(std::string_view name) const;  // Null: none of that name.

  // Closes the tables and wakes everybody who waits; a checkpoint that is being written comes to
  // its end first. Idempotent. Call it before the server's stop.
  void stop();
  // Instead, before anybody could call: the tables stay as they are, for another store.
  void let_go();

  // For checkpoints: all writers' progress, and back. Take it before the tables' snapshots: what a
  // writer sends again is then recognised by the items' keys.
  std::vector<WriterState> writers() const;
  void restore_writers(std::span<const WriterState> writers);

 private:
  explicit Store(std::shared_ptr<StoreCore> core);
  std::shared_ptr<StoreCore> core_;
};

}  // namespace lp::replay
