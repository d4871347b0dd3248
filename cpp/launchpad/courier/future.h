// Future<R> is the answer to an asynchronous call, once it comes. `get` and `result` may be called
// once, from any thread; the waiting thread reads the connection itself. Dropping a future lets the
// call run on; that of a stream is cancelled.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "launchpad/courier/channel.h"
#include "launchpad/courier/retry.h"
#include "launchpad/courier/stream.h"
#include "launchpad/wire/codec.h"

namespace lp {
namespace courier {

// The typed value in an answer, or why it is none. A stream keeps `owner`, the client's connection,
// as long as it lives.
template <class R>
Result<R> decode_answer(Answer answer, std::string_view method,
                        const std::shared_ptr<Channel>& owner = nullptr) {
  if (!answer.ok()) return std::move(answer).error();
  wire::Payload& payload = answer.value();
  const auto wrong = [&](const std::string& why) {
    return Error(Code::kInvalidArgument, "the result of '" + std::string(method) + "': " + why);
  };
  if constexpr (is_stream<R>) {
    if (payload.stream == nullptr) return wrong("it is a single value, no stream");
    return R(std::move(payload.stream), owner);
  } else {
    if (payload.stream != nullptr) return wrong("it is a stream: take it as an lp::Stream<T>");
    return decode_typed<R>(payload, wrong);
  }
}

}  // namespace courier

template <class R>
class Future {
 public:
  Future() = default;
  Future(std::shared_ptr<courier::Channel> channel, std::string_view method,
         Result<std::shared_ptr<courier::Pending>> started)
      : channel_(std::move(channel)), method_(method), started_(std::move(started)) {}
  // Of a call that is made again if need be.
  Future(std::shared_ptr<courier::Channel> channel, std::string_view method,
         std::shared_ptr<courier::Retrier> retrier,
         Result<std::shared_ptr<courier::RetriedCall>> started)
      : channel_(std::move(channel)),
        method_(method),
        started_(started.ok() ? Started(nullptr) : Started(started.error())),
        retrier_(std::move(retrier)) {
    if (started.ok()) retried_ = std::move(started).value();
  }

  Future(Future&&) noexcept = default;
  Future& operator=(Future&&) noexcept = default;
  ~Future() {
    if constexpr (courier::is_stream<R>) cancel();
  }

  // False for one that was default-constructed, or has given its result.
  bool valid() const { return channel_ != nullptr; }

  // Waits; the value or the error.
  Result<R> result() {
    LP_CHECK(valid()) << "a Future gives its result once";
    const auto channel = std::exchange(channel_, nullptr);
    if (!started_.ok()) return std::move(started_).error();
    return courier::decode_answer<R>(
        retried_ != nullptr ? retried_->wait() : channel->wait(started_.value()), method_, channel);
  }
  // Waits; the value, or throws lp::Error (lp::RemoteError if the method threw).
  R get() { return result().value_or_throw(); }

  // False: there is no answer yet after `timeout`.
  bool wait_for(base::Nanos timeout) {
    LP_CHECK(valid()) << "a Future gives its result once";
    const auto deadline = base::Deadline::after(timeout);
    if (retried_ != nullptr) return retried_->wait_done(deadline);
    return !started_.ok() || channel_->wait_done(started_.value(), deadline);
  }
  // Whether the answer is there.
  bool ready() { return wait_for(base::Nanos(0)); }

  // Instead of waiting: the answer will go to `callback`, on a thread of the client's, to be
  // `decode`d. False: it is there.
  bool on_answer(courier::Callback callback) {
    LP_CHECK(valid()) << "a Future gives its result once";
    if (!started_.ok()) return false;
    // The callback may destroy this future before this returns.
    const auto channel = channel_;
    const auto retrier = retrier_;
    if (const auto retried = retried_) return retried->on_answer(std::move(callback));
    const auto started = started_.value();
    return channel->on_answer(started, std::move(callback));
  }
  // The value in an answer that came to a callback, or why it is none.
  Result<R> decode(courier::Answer answer) const {
    return courier::decode_answer<R>(std::move(answer), method_, channel_);
  }

  // The name or address of the server that was called, for messages.
  std::string server() const { return valid() ? channel_->server_name() : ""; }

  // The call ends with CANCELLED, and the server is told. False if it was answered before.
  bool cancel() {
    if (!started_.ok() || !valid()) return false;
    return retried_ != nullptr ? retried_->cancel() : channel_->cancel(started_.value());
  }

 private:
  using Started = Result<std::shared_ptr<courier::Pending>>;

  std::shared_ptr<courier::Channel> channel_;
  std::string_view method_;  // Of static storage: it comes from a member pointer.
  Started started_ = Error(Code::kInternal, "an empty Future");
  std::shared_ptr<courier::Retrier> retrier_;  // Kept open for
  std::shared_ptr<courier::RetriedCall> retried_;
};

}  // namespace lp
