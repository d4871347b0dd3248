// CurrentCall says, while it lives, which call the calling thread answers: what is called meanwhile
// inherits its deadline, and ends when nobody waits for it any more. Thread-local: a method's other
// threads, and batches, inherit nothing.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "launchpad/courier/call.h"

namespace lp::courier {

class CurrentCall {
 public:
  // The call outlives this, though its handler may have moved it elsewhere.
  explicit CurrentCall(const Call& call);
  // Of something that has no deadline, and that nobody waits for any more once `given_up` is true.
  explicit CurrentCall(const std::atomic<bool>& given_up);
  ~CurrentCall();
  CurrentCall(const CurrentCall&) = delete;
  CurrentCall& operator=(const CurrentCall&) = delete;

  // The sooner of `deadline` and that of the thread's current call, if there is one.
  static base::Deadline limit(const base::Deadline& deadline);
  // CANCELLED, once its caller cancelled it or went away.
  static std::optional<Error> gone();

 private:
  bool nobody_waits() const;

  Session* const session_ = nullptr;
  const uint64_t id_ = 0;
  const base::Deadline deadline_;
  const std::atomic<bool>* const given_up_ = nullptr;
  const CurrentCall* const outer_;
};

}  // namespace lp::courier
