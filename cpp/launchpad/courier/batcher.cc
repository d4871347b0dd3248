#include "launchpad/courier/batcher.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "launchpad/base/log.h"

namespace lp::courier {

std::optional<Error> why_gone(const Call& call) {
  if (call.cancelled()) return Error(Code::kCancelled, "the caller cancelled the call");
  if (call.deadline().passed()) {
    return Error(Code::kDeadlineExceeded, "the deadline passed while the call waited for a batch");
  }
  return std::nullopt;
}

void BatchQueue::add(std::unique_ptr<Waiting> waiting, base::TimePoint now) {
  waiting_.push_back({std::move(waiting), now});
}

std::optional<base::TimePoint> BatchQueue::next() const {
  if (waiting_.empty()) return std::nullopt;
  if (waiting_.size() >= size_) return base::TimePoint::min();
  return waiting_.front().since + timeout_;
}

BatchQueue::Taken BatchQueue::take(base::TimePoint now) {
  Taken taken;
  size_t live = 0;
  while (live < size_ && live < waiting_.size()) {
    Entry& entry = waiting_[live];
    std::optional<Error> gone = entry.waiting->gone();
    if (!gone) {
      ++live;
      continue;
    }
    taken.gone.emplace_back(std::move(entry.waiting), std::move(*gone));
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(live));
  }
  if (!due(now)) return taken;
  for (; live > 0; --live) {
    taken.batch.push_back(std::move(waiting_.front().waiting));
    waiting_.pop_front();
  }
  return taken;
}

class Batcher::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(BatchOptions options, Run run)
      : options_(std::move(options)),
        run_(std::move(run)),
        queue_(options_.size, options_.timeout) {}

  void add(std::unique_ptr<Waiting> waiting);
  void close();

 private:
  using Lock = std::unique_lock<std::mutex>;

  void work();
  void run_next(Lock& lock);
  bool may_start() const { return static_cast<int>(threads_.size()) < options_.max_parallelism; }
  void start_thread();

  const BatchOptions options_;
  const Run run_;
  std::mutex mutex_;
  std::condition_variable changed_;
  BatchQueue queue_;
  bool closed_ = false;
  int idle_ = 0;  // Threads that wait.
  std::vector<std::thread> threads_;
};

void Batcher::Core::add(std::unique_ptr<Waiting> waiting) {
  {
    const Lock lock(mutex_);
    queue_.add(std::move(waiting), base::steady_clock().now());
    // The first arms the timeout, the last completes the batch; those between change nothing.
    const size_t count = queue_.count();
    if (count != 1 && count % queue_.size() != 0) return;
    if (idle_ == 0) {
      if (may_start()) start_thread();
      return;
    }
  }
  changed_.notify_one();
}

void Batcher::Core::close() {
  {
    const Lock lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.get_id() == std::this_thread::get_id())
      thread.detach();  // It shares the core, and ends after its batch.
    else
      thread.join();
  }
  const Error error(Code::kUnavailable, "the server ended while the call waited for a batch");
  const Lock lock(mutex_);
  while (!queue_.empty()) {
    BatchQueue::Taken taken = queue_.take(base::TimePoint::max());
    for (auto& [waiting, why] : taken.gone) waiting->fail(why);
    // A batch that runs now would use what is being destroyed.
    for (auto& waiting : taken.batch) waiting->fail(error);
  }
}

// Under the lock.
void Batcher::Core::start_thread() {
  sigset_t all, before;
  ::sigfillset(&all);  // Signals are for the threads of the user.
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    threads_.emplace_back([core = shared_from_this()] { core->work(); });
  } catch (const std::system_error& error) {
    base::log(base::LogLevel::kError,
              std::string("cannot start a thread for batches: ") + error.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Batcher::Core::work() {
  ::pthread_setname_np(::pthread_self(), "lp-batches");
  if (options_.threads.on_start) options_.threads.on_start();
  {
    Lock lock(mutex_);
    while (!closed_) {
      if (queue_.due(base::steady_clock().now())) {
        run_next(lock);
        continue;
      }
      const std::optional<base::TimePoint> next = queue_.next();
      ++idle_;
      if (next)
        changed_.wait_until(lock, *next);
      else
        changed_.wait(lock);
      --idle_;
    }
  }
  if (options_.threads.on_end) options_.threads.on_end();
}

void Batcher::Core::run_next(Lock& lock) {
  BatchQueue::Taken taken = queue_.take(base::steady_clock().now());
  // What is left has a timeout that somebody must watch while this thread is busy.
  if (!queue_.empty()) {
    if (idle_ > 0)
      changed_.notify_one();
    else if (may_start())
      start_thread();
  }
  lock.unlock();
  for (auto& [waiting, error] : taken.gone) waiting->fail(error);
  taken.gone.clear();
  if (!taken.batch.empty()) run_(std::move(taken.batch));
  lock.lock();
}

Batcher::Batcher(BatchOptions options, Run run) {
  LP_CHECK(options.size >= 1 && options.max_parallelism >= 1) << "a batch of nothing";
  core_ = std::make_shared<Core>(std::move(options), std::move(run));
}

Batcher::~Batcher() { core_->close(); }

void Batcher::add(std::unique_ptr<Waiting> waiting) { core_->add(std::move(waiting)); }

}  // namespace lp::courier
