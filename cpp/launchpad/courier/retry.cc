#include "launchpad/courier/retry.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace lp {

Status RetryPolicy::check() const {
  const auto wrong = [](const std::string& what) {
    return Error(Code::kInvalidArgument, "a RetryPolicy's " + what);
  };
  if (attempts < 1) return wrong("attempts must be at least 1, not " + std::to_string(attempts));
  if (first_pause.count() < 0 || longest_pause.count() < 0)
    return wrong("pauses must not be negative");
  if (!(growth >= 1)) return wrong("growth must be at least 1, not " + std::to_string(growth));
  if (!(jitter >= 0 && jitter <= 1))
    return wrong("jitter must be from 0 to 1, not " + std::to_string(jitter));
  return {};
}

namespace courier {

Backoff::Backoff(const RetryPolicy& policy)
    : first_(static_cast<double>(policy.first_pause.count())),
      growth_(policy.growth),
      longest_(static_cast<double>(policy.longest_pause.count())),
      jitter_(policy.jitter),
      rng_(policy.seed.value_or(base::fresh_seed())) {}

base::Nanos Backoff::pause_after(int attempt) {
  const double pause = std::min(longest_, first_ * std::pow(growth_, attempt - 1));
  const double shift =
      rng_.with([](base::Rng& rng) { return std::uniform_real_distribution<double>(-1, 1)(rng); });
  return base::Nanos(std::llround(pause * (1 + jitter_ * shift)));
}

// Its thread holds it, and ends once it is closed.
class Retrier::Core : public std::enable_shared_from_this<Retrier::Core> {
 public:
  using CallPtr = std::shared_ptr<RetriedCall>;

  // The channel's own pointer: it does not keep the channel open.
  Core(const std::shared_ptr<Channel>& channel, RetryPolicy policy)
      : channel_(channel->shared_from_this()), policy_(std::move(policy)), backoff_(policy_) {}

  // When to try again; none: not at all.
  std::optional<base::TimePoint> next(std::string_view method, const Error& error, int attempt,
                                      const base::Deadline& deadline);
  template <class F>
  auto repeat(std::string_view method, const base::Deadline& deadline, F&& once)
      -> decltype(once());

  Result<CallPtr> start(CallPtr call);
  bool cancel(RetriedCall& call);
  void close();

  Channel& channel() { return *channel_; }

 private:
  struct Queue {
    std::multimap<base::TimePoint, CallPtr> calls;
    bool has_thread = false;
    bool closed = false;
  };

  Result<std::shared_ptr<Pending>> send(const CallPtr& call, int attempt);
  void answered(const CallPtr& call, Answer answer, bool on_own_thread);
  void finish(const CallPtr& call, Answer answer, bool on_own_thread);
  bool enqueue(const CallPtr& call, base::TimePoint due);
  void expedite(const RetriedCall& call);
  void work();

  const std::shared_ptr<Channel> channel_;
  const RetryPolicy policy_;
  Backoff backoff_;
  base::Guarded<Queue> queue_;
};

std::optional<base::TimePoint> Retrier::Core::next(std::string_view method, const Error& error,
                                                   int attempt, const base::Deadline& deadline) {
  if (error.code != Code::kUnavailable || error.remote() || attempt >= policy_.attempts)
    return std::nullopt;
  const auto& methods = policy_.methods;
  if (!methods.empty() && std::find(methods.begin(), methods.end(), method) == methods.end())
    return std::nullopt;
  const base::TimePoint due = base::steady_clock().now() + backoff_.pause_after(attempt);
  // Too late: the reason why it fails says more than that the deadline passed.
  if (deadline.at() && *deadline.at() <= due) return std::nullopt;
  if (policy_.on_retry) policy_.on_retry(attempt, error);
  return due;
}

template <class F>
auto Retrier::Core::repeat(std::string_view method, const base::Deadline& deadline, F&& once)
    -> decltype(once()) {
  const auto& interrupted = channel_->options().interrupted;
  for (int attempt = 1;; ++attempt) {
    auto answer = once();
    if (answer.ok()) return answer;
    const auto due = next(method, answer.error(), attempt, deadline);
    if (!due) return answer;
    for (base::TimePoint now; (now = base::steady_clock().now()) < *due;) {
      std::this_thread::sleep_until(std::min(*due, now + kTick));
      if (interrupted && interrupted()) return Error(Code::kAborted, "interrupted");
    }
  }
}

Result<std::shared_ptr<Pending>> Retrier::Core::send(const CallPtr& call, int attempt) {
  auto started = channel_->start(
      call->method_, call->arguments_, call->deadline_,
      [core = shared_from_this(), call](Answer answer) {
        core->answered(call, std::move(answer), false);
      },
      call->typed_);
  if (!started.ok()) return started;
  const bool cancelled = call->state_.with([&](RetriedCall::State& state) {
    if (state.attempt == attempt) state.pending = started.value();
    return state.cancelled;
  });
  if (cancelled) channel_->cancel(started.value());
  return started;
}

Result<Retrier::Core::CallPtr> Retrier::Core::start(CallPtr call) {
  call->core_ = weak_from_this();
  const auto started = send(call, 1);
  if (started.ok()) return call;
  const auto due = next(call->method_, started.error(), 1, call->deadline_);
  if (!due) return started.error();
  call->state_.with([](RetriedCall::State& state) { ++state.attempt; });
  enqueue(call, *due);
  return call;
}

// On the channel's thread, or on this one's own.
void Retrier::Core::answered(const CallPtr& call, Answer answer, bool on_own_thread) {
  const auto [attempt, cancelled] = call->state_.with(
      [](const RetriedCall::State& state) { return std::pair(state.attempt, state.cancelled); });
  if (!answer.ok() && !cancelled) {
    if (const auto due = next(call->method_, answer.error(), attempt, call->deadline_)) {
      call->state_.with([](RetriedCall::State& state) {
        ++state.attempt;
        state.pending.reset();
      });
      if (enqueue(call, *due)) {
        // Who cancelled it just now did not find it in the queue.
        if (call->state_.with([](const RetriedCall::State& state) { return state.cancelled; }))
          expedite(*call);
        return;
      }
      answer = closed_error();
    }
  }
  finish(call, std::move(answer), on_own_thread);
}

void Retrier::Core::finish(const CallPtr& call, Answer answer, bool on_own_thread) {
  const bool first = call->state_.with([&](RetriedCall::State& state) {
    // Who was told that it is cancelled must not get another answer.
    if (state.cancelled) answer = Error(Code::kCancelled, "the call was cancelled");
    return !std::exchange(state.done, true);
  });
  if (!first) return;
  if (!call->callback_) {
    call->state_.with_notify([&](RetriedCall::State& state) { state.answer = std::move(answer); });
    return;
  }
  const auto run = [&] {
    call->callback_(std::move(answer));
    call->callback_ = nullptr;
    call->typed_ = nullptr;
  };
  const auto& around = channel_->options().around_callbacks;
  if (on_own_thread && around)
    around(run);
  else
    run();
}

bool Retrier::Core::cancel(RetriedCall& call) {
  std::shared_ptr<Pending> pending;
  const bool late = call.state_.with([&](RetriedCall::State& state) {
    pending = state.pending;
    return state.done || std::exchange(state.cancelled, true);
  });
  if (late) return false;
  if (pending != nullptr) channel_->cancel(pending);  // If it is answered already: see finish.
  expedite(call);
  return true;
}

// If it waits to be made again: that it is cancelled will be seen now.
void Retrier::Core::expedite(const RetriedCall& call) {
  queue_.with_notify([&](Queue& queue) {
    for (auto at = queue.calls.begin(); at != queue.calls.end(); ++at) {
      if (at->second.get() != &call) continue;
      CallPtr found = std::move(at->second);
      queue.calls.erase(at);
      queue.calls.emplace(base::TimePoint::min(), std::move(found));
      return;
    }
  });
}

// False: closed.
bool Retrier::Core::enqueue(const CallPtr& call, base::TimePoint due) {
  bool start = false;
  bool open = false;
  queue_.with_notify([&](Queue& queue) {
    open = !queue.closed;
    if (!open) return;
    queue.calls.emplace(due, call);
    start = !std::exchange(queue.has_thread, true);
  });
  if (start) std::thread([core = shared_from_this()] { core->work(); }).detach();
  return open;
}

void Retrier::Core::work() {
  while (true) {
    std::optional<base::TimePoint> until;
    std::vector<CallPtr> due;
    const bool closed = queue_.with([&](Queue& queue) {
      const auto end =
          queue.closed ? queue.calls.end() : queue.calls.upper_bound(base::steady_clock().now());
      for (auto at = queue.calls.begin(); at != end; ++at) due.push_back(std::move(at->second));
      queue.calls.erase(queue.calls.begin(), end);
      if (!queue.calls.empty()) until = queue.calls.begin()->first;
      return queue.closed;
    });
    for (const CallPtr& call : due) {
      const auto [attempt, cancelled] = call->state_.with([](const RetriedCall::State& state) {
        return std::pair(state.attempt, state.cancelled);
      });
      if (closed || cancelled) {
        finish(call, Error(Code::kCancelled, "the call was cancelled"), true);
      } else if (auto started = send(call, attempt); !started.ok()) {
        answered(call, std::move(started).error(), true);
      }
    }
    if (closed) return;
    if (!due.empty()) continue;
    queue_.wait(
        until,
        [&](Queue& queue) {
          return queue.closed ||
                 (!queue.calls.empty() && (!until || queue.calls.begin()->first < *until));
        },
        [](Queue&, bool) {});
  }
}

void Retrier::Core::close() {
  queue_.with_notify([](Queue& queue) { queue.closed = true; });
}

Result<std::shared_ptr<Retrier>> Retrier::make(const std::shared_ptr<Channel>& channel,
                                               RetryPolicy policy) {
  LP_TRY(policy.check());
  return std::shared_ptr<Retrier>(new Retrier(std::make_shared<Core>(channel, std::move(policy))));
}

Retrier::~Retrier() { core_->close(); }

Answer Retrier::call(std::string_view method, const wire::Payload& arguments,
                     const base::Deadline& deadline) {
  return core_->repeat(method, deadline,
                       [&] { return core_->channel().call(method, arguments, deadline); });
}

Result<Peer> Retrier::peer(std::string_view method, const base::Deadline& deadline) {
  return core_->repeat(method, deadline, [&] { return core_->channel().peer(deadline); });
}

Result<std::shared_ptr<RetriedCall>> Retrier::start(std::string_view method,
                                                    wire::Payload arguments,
                                                    const base::Deadline& deadline,
                                                    Callback callback, TypedInstead typed) {
  auto call = std::make_shared<RetriedCall>();
  call->method_ = method;
  call->arguments_ = std::move(arguments);
  call->deadline_ = deadline;
  call->callback_ = std::move(callback);
  call->typed_ = std::move(typed);
  return core_->start(std::move(call));
}

Answer RetriedCall::wait() {
  return state_.wait(
      std::nullopt, [](const State& state) { return state.answer.has_value(); },
      [](State& state, bool) { return std::move(*state.answer); });
}

bool RetriedCall::on_answer(Callback callback) {
  return state_.with([&](State& state) {
    if (state.done) return false;
    callback_ = std::move(callback);
    return true;
  });
}

bool RetriedCall::wait_done(const base::Deadline& deadline) {
  return state_.wait(
      deadline.at(), [](const State& state) { return state.answer.has_value(); },
      [](const State&, bool done) { return done; });
}

bool RetriedCall::cancel() {
  const auto core = core_.lock();
  return core != nullptr && core->cancel(*this);
}

}  // namespace courier
}  // namespace lp
