#include "launchpad/courier/call.h"

#include <utility>

#include "launchpad/courier/session.h"

namespace lp::courier {

Call::Call(std::shared_ptr<Session> session, uint64_t id, std::string method,
           wire::Payload arguments, base::Deadline deadline)
    : session_(std::move(session)),
      id_(id),
      method_(std::move(method)),
      arguments_(std::move(arguments)),
      deadline_(deadline) {}

void Call::fail_unanswered() {
  fail(Error(Code::kInternal, "the handler of '" + method_ + "' gave no answer"));
}

bool Call::caller_shares() const { return session_->peer().shares; }

const std::string& Call::caller_language() const { return session_->peer().language; }

bool Call::cancelled() const { return session_->is_cancelled(id_); }

void Call::reply(const wire::Payload& result) {
  const auto session = std::exchange(session_, nullptr);
  LP_CHECK(session != nullptr) << "a call was answered twice";
  if (result.stream != nullptr) return session->answer_with_stream(id_, result.stream);
  session->answer(wire::FrameType::kReply, id_, 0, result);
}

void Call::fail(const Error& error) {
  const auto session = std::exchange(session_, nullptr);
  LP_CHECK(session != nullptr) << "a call was answered twice";
  session->answer(wire::FrameType::kError, id_, static_cast<uint64_t>(error.code),
                  encode_error(error));
}

void Call::finish(const Result<wire::Payload>& result) {
  if (result.ok())
    reply(result.value());
  else
    fail(result.error());
}

}  // namespace lp::courier
