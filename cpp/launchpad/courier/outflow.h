// Outflow is the server's end of a stream: a thread of its own takes results from the method, a
// window ahead of the client at most, and the client's asks take them from here, as many at a time
// as there are. Shared by that thread and the session. Any thread; no lock is held while the method
// runs or an answer is sent.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/courier/call.h"
#include "launchpad/courier/stream_batch.h"
#include "launchpad/wire/payload_stream.h"

namespace lp::courier {

// How far a method's results run ahead of who takes them: so many, or so many bytes.
inline constexpr size_t kMaxResultsAhead = 64;
inline constexpr size_t kMaxBytesAhead = 8 << 20;

class Outflow {
 public:
  explicit Outflow(std::shared_ptr<wire::PayloadStream> source) {
    state_.with([&](State& state) { state.source = std::move(source); });
  }

  // Takes results until there are no more, or nobody wants them; then lets the source go, here.
  // Once.
  void produce();
  // Answers with the results that are there, else once there are some. FAILED_PRECONDITION while an
  // earlier ask waits.
  void ask(Call&& call);
  // Nobody wants results any more: an ask that waits, and every later one, fails with `why`.
  void cancel(const Error& why);

  // Whether the last answer was given: nothing will be asked any more.
  bool over() const { return over_.load(std::memory_order_acquire); }

 private:
  struct State {
    std::shared_ptr<wire::PayloadStream> source{};  // Null once nothing is taken from it any more.
    std::vector<wire::Payload> results;
    size_t bytes = 0;
    bool ended = false;  // No result will be added.
    std::optional<Error> failure{};
    std::optional<Call> asking{};
  };
  // What an ask gets, if there is something.
  std::optional<Result<wire::Payload>> take(State& state);
  // False: no more.
  bool produce_one();

  std::atomic<bool> given_up_{false};
  std::atomic<bool> over_{false};
  base::Guarded<State> state_;
};

}  // namespace lp::courier
