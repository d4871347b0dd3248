// StoreCore is what a Store's handlers and its timer share: the tables, the writers, and the calls.
// Owned by the Store and by calls that wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "launchpad/replay/store.h"
#include "launchpad/replay/writer_session.h"

namespace lp::replay {

class StoreCore : public std::enable_shared_from_this<StoreCore> {
 public:
  StoreCore(std::shared_ptr<const Tables> tables, StoreOptions options)
      : tables_(std::move(tables)), options_(std::move(options)) {}

  void start_timer();
  // `leave`: what becomes of the tables.
  void stop(void (Table::*leave)());
  void bind(courier::Router& router);

  const Tables& tables() const { return *tables_; }
  std::vector<WriterState> writers() const;
  void restore_writers(std::span<const WriterState> writers);

 private:
  using Handle = void (StoreCore::*)(courier::Call&&);

  void bind_one(courier::Router& router, std::string_view name, Handle handle);
  void on_write(courier::Call&& call);
  void on_insert(courier::Call&& call);
  void on_sample(courier::Call&& call);
  void on_mutate(courier::Call&& call);
  void on_reset(courier::Call&& call);
  void on_info(courier::Call&& call);
  void on_checkpoint(courier::Call&& call);
  void write_checkpoints();
  std::shared_ptr<WriterSession> session(uint64_t number);
  std::shared_ptr<WriterSession> make_session(uint64_t last);
  void keep_time();
  void forget_writers();

  // The timer's: when to look again.
  struct Timer {
    std::mutex mutex;
    std::condition_variable changed;
    bool due = false;
    bool stopped = false;
  };

  // Who asked for a checkpoint since the last one was begun: one answers all of them.
  struct Askers {
    std::vector<courier::Call> calls;
    std::thread writer;  // Ended, if it does not write.
    bool writes = false;
    bool stopped = false;  // No other is begun.
  };

  const std::shared_ptr<const Tables> tables_;
  const StoreOptions options_;
  base::Guarded<std::unordered_map<uint64_t, std::shared_ptr<WriterSession>>> sessions_;
  // Shared with the tables, which may outlive this.
  std::shared_ptr<Timer> timer_ = std::make_shared<Timer>();
  std::thread timer_thread_;
  base::Guarded<Askers> askers_;
  std::atomic<bool> stopped_{false};
};

}  // namespace lp::replay
