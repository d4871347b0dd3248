#include "launchpad/courier/call.h"

#include <algorithm>
#include <utility>

#include "launchpad/courier/session.h"

namespace lp::courier {

Call::Call(std::shared_ptr<Session> session, wire::Frame&& frame)
    : session_(std::move(session)),
      id_(frame.id),
      method_(std::move(frame.method)),
      arguments_(std::move(frame.payload)) {
  if (frame.argument == 0) return;
  constexpr uint64_t kLongest = uint64_t{1} << 62;
  deadline_ = base::Deadline::after(base::Nanos(std::min(frame.argument, kLongest)));
}

Call::Call(Call&& other) noexcept
    : session_(other.session_),
      due_(std::exchange(other.due_, false)),
      id_(other.id_),
      method_(std::move(other.method_)),
      arguments_(std::move(other.arguments_)),
      deadline_(other.deadline_) {}

void Call::fail_unanswered() {
  fail(Error(Code::kInternal, "the handler of '" + method_ + "' gave no answer"));
}

bool Call::caller_shares() const { return session_->peer().shares; }

const std::string& Call::caller_language() const { return session_->peer().language; }

bool Call::cancelled() const { return session_->is_cancelled(id_); }

void Call::reply(const wire::Payload& result) {
  LP_CHECK(std::exchange(due_, false)) << "a call was answered twice";
  if (result.stream != nullptr) return session_->answer_with_stream(id_, result.stream);
  session_->answer(wire::FrameType::kReply, id_, 0, result);
}

void Call::fail(const Error& error) {
  LP_CHECK(std::exchange(due_, false)) << "a call was answered twice";
  session_->answer(wire::FrameType::kError, id_, static_cast<uint64_t>(error.code),
                   encode_error(error));
}

void Call::finish(const Result<wire::Payload>& result) {
  if (result.ok())
    reply(result.value());
  else
    fail(result.error());
}

}  // namespace lp::courier
