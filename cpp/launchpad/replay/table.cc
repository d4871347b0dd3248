#include "launchpad/replay/table.h"

#include <algorithm>
#include <numeric>

#include "launchpad/base/background.h"
#include "launchpad/base/log.h"
#include "launchpad/base/rng.h"
#include "launchpad/replay/table_core.h"

namespace lp::replay {
namespace {

Error invalid(const std::string& what) { return Error(Code::kInvalidArgument, what); }

// What a blocking call waits for.
template <class T>
struct Outcome {
  base::Guarded<std::optional<T>> value;

  void set(T result) {
    value.with_notify([&](auto& slot) { slot.emplace(std::move(result)); });
  }
  // None: the deadline passed first.
  std::optional<T> wait(const base::Deadline& deadline) {
    return value.wait(
        deadline.at(), [](auto& slot) { return slot.has_value(); },
        [](auto& slot, bool) { return std::move(slot); });
  }
};

// Waits for `outcome`. The deadline is the table's to notice, too; here it only wakes it up.
template <class T>
T await(Outcome<T>& outcome, TableCore& core, const base::Deadline& deadline) {
  std::optional<T> result = outcome.wait(deadline);
  while (!result) {
    core.expire();
    // A clock of a test's own stands still: look again at times.
    result = outcome.wait(base::Deadline::after(std::chrono::milliseconds(1)));
  }
  return std::move(*result);
}

}  // namespace

Status check_table(const TableOptions& options) {
  if (options.name.empty()) return invalid("name must be nonempty");
  if (options.max_size < 1) {
    return invalid("max_size (" + std::to_string(options.max_size) +
                   ") must be a positive integer");
  }
  if (options.max_bytes < 0) {
    return invalid("max_bytes (" + std::to_string(options.max_bytes) + ") must not be negative");
  }
  for (const auto& extension : options.extensions) {
    if (extension == nullptr)
      return invalid("an extension of table '" + options.name + "' is null");
  }
  LP_TRY(check_selector(options.sampler));
  LP_TRY(check_selector(options.remover));
  return check_rate_limiter(options.rate_limiter);
}

TableOptions TableOptions::queue(std::string name, int64_t max_size) {
  TableOptions options;
  options.name = std::move(name);
  options.sampler = fifo();
  options.remover = fifo();
  options.max_size = max_size;
  options.max_times_sampled = 1;
  options.rate_limiter = RateLimiterOptions::queue(max_size);
  return options;
}

TableOptions TableOptions::stack(std::string name, int64_t max_size) {
  TableOptions options = queue(std::move(name), max_size);
  options.sampler = lifo();
  options.remover = lifo();
  return options;
}

Result<std::shared_ptr<Table>> Table::make(TableOptions options, const base::Clock& clock) {
  LP_TRY(check_table(options));
  if (options.max_times_sampled < 1) options.max_times_sampled = 0;
  if (options.rate_limiter.min_size_to_sample > options.max_size) {
    base::log(base::LogLevel::kWarning,
              "table '" + options.name +
                  "': nothing can ever be sampled, since its rate limiter "
                  "waits for " +
                  std::to_string(options.rate_limiter.min_size_to_sample) +
                  " items and max_size is " + std::to_string(options.max_size));
  }
  const uint64_t seed = options.seed.value_or(base::fresh_seed());
  return std::shared_ptr<Table>(
      new Table(std::make_shared<TableCore>(std::move(options), clock, seed)));
}

Table::Table(std::shared_ptr<TableCore> core) : core_(std::move(core)) {}
Table::~Table() { close(); }

const TableOptions& Table::options() const { return core_->options(); }

void Table::insert(Item item, const base::Deadline& deadline, InsertDone done) {
  core_->insert(std::move(item), deadline, std::move(done));
}

void Table::sample(SampleRequest request, SampleDone done) {
  core_->sample(std::move(request), std::move(done));
}

Status Table::insert(Item item, const base::Deadline& deadline) {
  const auto outcome = std::make_shared<Outcome<Status>>();
  insert(std::move(item), deadline, [outcome](Status status) { outcome->set(std::move(status)); });
  return await(*outcome, *core_, deadline);
}

Result<std::vector<SampledItem>> Table::sample(int64_t count, const base::Deadline& deadline) {
  using Samples = Result<std::vector<SampledItem>>;
  const auto outcome = std::make_shared<Outcome<Samples>>();
  SampleRequest request;
  request.max_count = request.min_count = count;
  request.deadline = deadline;
  sample(std::move(request), [outcome](Samples samples) { outcome->set(std::move(samples)); });
  return await(*outcome, *core_, deadline);
}

Result<int64_t> Table::mutate(std::span<const PriorityUpdate> updates,
                              std::span<const uint64_t> deletes) {
  return core_->mutate(updates, deletes);
}

Status Table::check_priority(double priority) const {
  return replay::check_priority(options().sampler, options().remover, priority);
}

Status Table::reset() { return core_->reset(); }

Result<bool> Table::can_sample(int64_t n) const {
  if (n < 1) return invalid("can_sample of " + std::to_string(n) + " items: it must be at least 1");
  return core_->look(
      [&](const TableContents& contents, bool) { return contents.limiter().can_sample(n); });
}

Result<bool> Table::can_insert(int64_t n) const {
  if (n < 1) return invalid("can_insert of " + std::to_string(n) + " items: it must be at least 1");
  return core_->look(
      [&](const TableContents& contents, bool) { return contents.limiter().can_insert(n); });
}

TableInfo Table::info() const { return core_->info(); }

int64_t Table::size() const {
  return core_->look(
      [](const TableContents& contents, bool) { return static_cast<int64_t>(contents.size()); });
}

std::optional<SampledItem> Table::find(uint64_t key) const {
  return core_->look([&](const TableContents& contents, bool) { return contents.find(key); });
}

void Table::close() { core_->close(); }
Status Table::claim() { return core_->claim(); }
void Table::unclaim() { core_->unclaim(); }

bool Table::closed() const {
  return core_->look([](const TableContents&, bool closed) { return closed; });
}

std::optional<base::TimePoint> Table::expire() { return core_->expire(); }

void Table::on_new_deadline(std::function<void()> notify) {
  core_->on_new_deadline(std::move(notify));
}

void Table::Snapshot::sort(base::Pace& pace) {
  if (sequences.empty()) return;
  std::vector<uint32_t> order(sequences.size());
  std::iota(order.begin(), order.end(), 0);
  constexpr uint32_t kComparisons = 64;  // Between two breaths.
  uint32_t compared = 0;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    if (++compared % kComparisons == 0) pace.breathe();
    return sequences[a] < sequences[b];
  });
  std::vector<Item> sorted;
  sorted.reserve(order.size());
  for (const uint32_t index : order) {
    pace.breathe();
    sorted.push_back(std::move(items[index]));
  }
  items = std::move(sorted);
  sequences.clear();
}

Table::Snapshot Table::snapshot() const {
  Snapshot snapshot =
      core_->look([&](const TableContents& contents, bool) { return contents.snapshot(); });
  base::Pace restless = base::Pace::restless();
  snapshot.sort(restless);
  return snapshot;
}

std::vector<Table::Snapshot> Table::snapshot_all(std::span<const std::shared_ptr<Table>> tables) {
  std::vector<Snapshot> snapshots(tables.size());
  // One lock inside the other: no table changes between the first and the last copy.
  const std::function<void(size_t)> copy = [&](size_t i) {
    if (i == tables.size()) return;
    tables[i]->core_->look([&](const TableContents& contents, bool) {
      copy(i + 1);
      snapshots[i] = contents.snapshot();
    });
  };
  copy(0);
  return snapshots;
}

Status Table::restore(Snapshot snapshot) { return core_->restore(std::move(snapshot)); }

}  // namespace lp::replay
