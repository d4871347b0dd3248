#include "launchpad/courier/current_call.h"

#include <algorithm>

#include "launchpad/courier/session.h"

namespace lp::courier {
namespace {

thread_local const CurrentCall* current = nullptr;

}  // namespace

CurrentCall::CurrentCall(const Call& call)
    : session_(call.session().get()), id_(call.id()), deadline_(call.deadline()), outer_(current) {
  current = this;
}

CurrentCall::CurrentCall(const std::atomic<bool>& given_up)
    : given_up_(&given_up), outer_(current) {
  current = this;
}

bool CurrentCall::nobody_waits() const {
  if (given_up_ != nullptr) return given_up_->load(std::memory_order_acquire);
  return session_ != nullptr && session_->is_cancelled(id_);
}

CurrentCall::~CurrentCall() { current = outer_; }

base::Deadline CurrentCall::limit(const base::Deadline& deadline) {
  if (current == nullptr || current->deadline_.never()) return deadline;
  if (deadline.never()) return current->deadline_;
  return base::Deadline(std::min(*deadline.at(), *current->deadline_.at()));
}

std::optional<Error> CurrentCall::gone() {
  if (current == nullptr || !current->nobody_waits()) return std::nullopt;
  return Error(Code::kCancelled, "nobody waits any more for the call that made this one");
}

}  // namespace lp::courier
