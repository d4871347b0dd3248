// TableCore is a Table's contents under its lock, with those who wait for the rate limiter: two
// queues, inserts and samples, served in order and in turn. Owned by its Table.
#pragma once

#include <list>
#include <mutex>
#include <vector>

#include "launchpad/replay/table_contents.h"

namespace lp::replay {

// Of one request; who wants more asks again.
inline constexpr int64_t kMaxSamples = 1 << 20;

class TableCore {
 public:
  TableCore(TableOptions options, const base::Clock& clock, uint64_t seed);

  void insert(Item item, const base::Deadline& deadline, Table::InsertDone done);
  void sample(Table::SampleRequest request, Table::SampleDone done);
  Result<int64_t> mutate(std::span<const PriorityUpdate> updates,
                         std::span<const uint64_t> deletes);
  Status reset();
  Status restore(Table::Snapshot snapshot);
  void close();
  Status claim();
  void unclaim();
  std::optional<base::TimePoint> expire();
  void on_new_deadline(std::function<void()> notify);
  TableInfo info() const;

  // Reads the contents, under the lock.
  template <class F>
  auto look(F&& f) const {
    return state_.with([&](const State& state) { return f(state.contents, state.closed); });
  }
  const TableOptions& options() const { return options_; }

 private:
  struct WaitingInsert {
    Item item;
    base::Deadline deadline;
    base::TimePoint since;
    Table::InsertDone done;
  };
  struct WaitingSample {
    Table::SampleRequest request;
    base::TimePoint since;
    Table::SampleDone done;
    std::vector<SampledItem> samples;
  };
  // What a call that held the lock leaves to be done without it.
  struct After {
    std::vector<std::function<void()>> calls;
    Trash trash;
    std::function<void()> notify;  // There is a new first deadline.
    void run();
  };
  struct State {
    State(const TableOptions& options, uint64_t seed) : contents(options, seed) {}
    TableContents contents;
    std::list<WaitingInsert> inserts;
    std::list<WaitingSample> samples;
    std::optional<base::TimePoint> first_deadline;
    std::function<void()> notify;
    bool closed = false;
    bool claimed = false;
    int64_t insert_wait_ns = 0;
    int64_t sample_wait_ns = 0;
  };

  Status check(const State& state, const Item& item) const;
  Error closed_error() const;
  Error late_error(const char* what) const;
  bool insert_now(State& state, Item& item, After& after);
  bool sample_now(State& state, WaitingSample& waiting, After& after);
  // Serves those who wait, in turn, as far as the rate limiter lets it.
  void serve(State& state, After& after);
  bool serve_insert(State& state, After& after);
  bool serve_sample(State& state, After& after);
  void finish(State& state, std::list<WaitingInsert>::iterator insert, Status status, After& after);
  void finish(State& state, std::list<WaitingSample>::iterator sample, Error otherwise,
              After& after);
  void note_deadline(State& state, const base::Deadline& deadline, After& after);
  int64_t since(base::TimePoint start) const;

  const TableOptions options_;
  const base::Clock& clock_;
  base::Guarded<State> state_;
};

}  // namespace lp::replay
