#include "launchpad/courier/current_call.h"

#include <algorithm>

#include "launchpad/courier/session.h"

namespace lp::courier {
namespace {

thread_local const CurrentCall* current = nullptr;

}  // namespace

CurrentCall::CurrentCall(const Call& call)
    : session_(call.session()), id_(call.id()), deadline_(call.deadline()), outer_(current) {
  current = this;
}

CurrentCall::~CurrentCall() { current = outer_; }

base::Deadline CurrentCall::limit(const base::Deadline& deadline) {
  if (current == nullptr || current->deadline_.never()) return deadline;
  if (deadline.never()) return current->deadline_;
  return base::Deadline(std::min(*deadline.at(), *current->deadline_.at()));
}

std::optional<Error> CurrentCall::gone() {
  if (current == nullptr || !current->session_->is_cancelled(current->id_)) return std::nullopt;
  return Error(Code::kCancelled, "nobody waits any more for the call that made this one");
}

}  // namespace lp::courier
