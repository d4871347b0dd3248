// Table is a set of items with a rule which one is sampled, which one makes room, and how fast
// items may come and go. Shared by the store that serves it and by whoever made it; any thread,
// under one lock that is held briefly. A call that has to wait parks what it will call later and
// returns: no thread waits in here. Nothing that a caller passes can end the process or harm the
// table: it is refused with an Error, and the table stays as it was.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/base/guarded.h"
#include "launchpad/replay/table_extension.h"
#include "launchpad/replay/table_info.h"
#include "launchpad/replay/trajectory.h"

namespace lp::base {
class Pace;
}

namespace lp::replay {

// What a table is.
struct TableOptions {
  std::string name{};                   // Not empty.
  SelectorOptions sampler = uniform();  // Which item a sample is.
  SelectorOptions remover = fifo();     // Which item leaves when it is full.
  int64_t max_size = 0;                 // Items, at least 1. Beyond it the remover's choice leaves.
  // How many samples per insert, and when who is too fast waits.
  RateLimiterOptions rate_limiter{};
  int32_t max_times_sampled = 0;  // An item leaves with its n-th sample; below 1: no bound.
  int64_t max_bytes = 0;          // Chunks' stored bytes; beyond it items leave, but for the last.
  // What items must look like; none: nobody checks.
  std::optional<Signature> signature{};
  // Told of what happens to items.
  std::vector<std::shared_ptr<TableExtension>> extensions{};
  std::optional<uint64_t> seed{};  // Of its random choices; none: a fresh one.

  // Fifo in and out, each item once; inserts wait while it is full.
  static TableOptions queue(std::string name, int64_t max_size);
  // The same, newest first.
  static TableOptions stack(std::string name, int64_t max_size);
};

// INVALID_ARGUMENT: an empty name, max_size < 1, max_bytes < 0, bad selectors or rate limiter.
Status check_table(const TableOptions& options);

struct PriorityUpdate {
  uint64_t key = 0;
  double priority = 1.0;
  LP_FIELDS(key, priority);
};

// An item that was sampled, with the table's state at that moment.
struct SampledItem {
  uint64_t key = 0;
  double probability = 1.0;
  double priority = 1.0;
  int64_t table_size = 0;     // Before the sample took the item out, if it did.
  int32_t times_sampled = 0;  // This time included.
  TrajectoryRef trajectory{};
};

class TableCore;

class Table {
 public:
  // INVALID_ARGUMENT: check_table. A rate limiter that can never let a sample pass
  // (min_size_to_sample > max_size) is warned of.
  static Result<std::shared_ptr<Table>> make(TableOptions options,
                                             const base::Clock& clock = base::steady_clock());
  ~Table();

  const TableOptions& options() const;
  const std::string& name() const { return options().name; }

  // ---- Calls that may wait. `done` is called once: at once and on this thread if nothing has to
  // ---- wait, else on the thread whose call made it possible, without any lock. Calls of a kind
  // ---- are served in the order they came.

  using InsertDone = std::function<void(Status)>;
  // Puts the item in, then lets the remover choose while there are too many: it may choose the new
  // one. A key that is there already is given the new priority instead, which waits for nothing.
  // INVALID_ARGUMENT: a priority that a selector refuses, no trajectory. DEADLINE_EXCEEDED: the
  // rate limiter held it back too long. UNAVAILABLE: the table was closed.
  void insert(Item item, const base::Deadline& deadline, InsertDone done);

  struct SampleRequest {
    int64_t max_count = 1;  // At most; at least 1.
    int64_t min_count = 1;  // Waits for so many, then gives what there is, up to max_count.
    base::Deadline deadline{};
    // Asked before each sample of a request that waited: true if nobody wants it any more. Under
    // the table's lock.
    std::function<bool()> gone{};
  };
  using SampleDone = std::function<void(Result<std::vector<SampledItem>>)>;
  // At the deadline it gives what it has, if that is anything; else DEADLINE_EXCEEDED.
  // INVALID_ARGUMENT: counts below 1 or max < min, or more than 2^20. UNAVAILABLE: closed.
  void sample(SampleRequest request, SampleDone done);

  // ---- The same for callers that can wait themselves: they block this thread.

  Status insert(Item item, const base::Deadline& deadline = {});
  Result<std::vector<SampledItem>> sample(int64_t count, const base::Deadline& deadline = {});

  // ---- Calls that never wait.

  // In one step: deletes, then updates. Unknown keys are skipped. INVALID_ARGUMENT: a priority that
  // a selector refuses; nothing was changed then. Gives how many items were changed or deleted.
  Result<int64_t> mutate(std::span<const PriorityUpdate> updates,
                         std::span<const uint64_t> deletes = {});
  // INVALID_ARGUMENT: an item of this priority would be refused.
  Status check_priority(double priority) const;
  // Drops all items and the rate limiter's counts. Waiting inserts go on.
  Status reset();
  // Whether the rate limiter would let n of them pass now. INVALID_ARGUMENT: n < 1.
  Result<bool> can_sample(int64_t n) const;
  Result<bool> can_insert(int64_t n) const;
  TableInfo info() const;
  int64_t size() const;
  // An item's state; none: not in here.
  std::optional<SampledItem> find(uint64_t key) const;

  // Every waiting and every later insert and sample fails with UNAVAILABLE. Idempotent.
  void close();
  bool closed() const;

  // For a Store, which serves it alone until it closes it or lets go of it. INVALID_ARGUMENT:
  // another has it, or it was closed.
  Status claim();
  void unclaim();

  // Ends the waits whose deadline has passed; when the next one will. For whoever owns the timer
  // (Store does). Without it a deadline is noticed at the next call only.
  std::optional<base::TimePoint> expire();
  // Called, without a lock, when a wait with a deadline before all others begins.
  void on_new_deadline(std::function<void()> notify);

  // ---- For checkpoints.

  struct Snapshot {
    std::vector<Item> items{};  // Oldest first, once it is sorted.
    RateLimiter::Counts counts{};
    int64_t num_deleted_episodes = 0;
    int64_t num_unique_samples = 0;
    std::vector<uint64_t> sequences{};  // When each item was inserted; none: it is sorted.

    // Breathes meanwhile.
    void sort(base::Pace& pace);
  };
  // Sorted.
  Snapshot snapshot() const;
  // Of several tables at one moment. Not sorted yet: that can be done later, and elsewhere.
  static std::vector<Snapshot> snapshot_all(std::span<const std::shared_ptr<Table>> tables);
  // Replaces the items. INVALID_ARGUMENT: a bad priority, a key twice; nothing was changed then.
  Status restore(Snapshot snapshot);

 private:
  explicit Table(std::shared_ptr<TableCore> core);
  std::shared_ptr<TableCore> core_;
};

}  // namespace lp::replay
