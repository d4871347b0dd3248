// PayloadStream gives the results of a method that has several, one after the other: what a server
// takes from the method, and what a client takes from the server. Pure interface.
#pragma once

#include <optional>

#include "launchpad/base/result.h"
#include "launchpad/wire/payload.h"

namespace lp::wire {

class PayloadStream {
 public:
  virtual ~PayloadStream() = default;

  // Waits for the next result. Nothing: there are no more. An error: what the method threw, or why
  // the rest will not come; it is the last, but for DEADLINE_EXCEEDED and ABORTED of a wait that
  // was too long or interrupted, after which the result can still be taken. One thread at a time.
  virtual Result<std::optional<Payload>> next() = 0;

  // Nobody takes results any more: a next() that waits ends, and nothing comes after. Any thread;
  // does not wait.
  virtual void cancel() {}
};

}  // namespace lp::wire
