// Inflow is the client's end of a stream: it asks the server for results, in batches as large as
// they are there, the next one while the last is being taken. Made by the channel when the answer
// says that a stream follows; shared by whoever takes from it. Its end closes the stream. next() on
// one thread at a time, the rest on any.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "launchpad/base/guarded.h"
#include "launchpad/courier/channel.h"
#include "launchpad/wire/payload_stream.h"

namespace lp::courier {

class Inflow final : public wire::PayloadStream, public std::enable_shared_from_this<Inflow> {
 public:
  // Of the call `id` of `method`, answered on `link`. A next() waits `patience` at most; none: for
  // ever.
  Inflow(std::shared_ptr<Channel> channel, std::weak_ptr<Link> link, uint64_t id,
         std::string method, std::optional<base::Nanos> patience);
  // May be called with any lock held.
  ~Inflow() override;

  // FAILED_PRECONDITION while another thread, or a callback, waits for the next result.
  Result<std::optional<wire::Payload>> next() override;
  void cancel() override;

  // Whether next() need not wait.
  bool ready();
  // Instead of waiting: calls back once, when ready(), on the channel's thread. False: next() need
  // not wait, or fails, and nothing is called.
  bool when_ready(std::function<void()> callback);

  const std::optional<base::Nanos>& patience() const { return patience_; }
  // The error of a wait that was longer than that.
  Error too_late() const;

 private:
  struct State {
    std::deque<wire::Payload> results{};
    bool last = false;                 // Nothing comes after `results`,
    std::optional<Error> failure{};    // but for this.
    std::shared_ptr<Pending> asked{};  // The ask on its way.
    bool awaited = false;              // Somebody waits for it.
    bool closed = false;

    bool ready() const { return !results.empty() || last || failure; }
  };

  // What can be had without waiting; nothing: the caller is to wait for `asked`, and to settle it.
  std::optional<Result<std::optional<wire::Payload>>> take_or_await(
      std::shared_ptr<Pending>& asked);
  // The ask on its way, or a new one.
  Result<std::shared_ptr<Pending>> asked(std::shared_ptr<Pending> on_its_way);
  void settle(Answer answer);
  void stop_awaiting();

  const std::shared_ptr<Channel> channel_;
  const std::weak_ptr<Link> link_;
  const uint64_t id_;
  const std::string method_;
  const std::optional<base::Nanos> patience_;
  base::Guarded<State> state_;
};

}  // namespace lp::courier
