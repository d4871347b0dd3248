// Call is one request on its way through a server: what a handler gets, and what it answers
// through. It may be moved to another thread and answered later; a call that is dropped unanswered
// answers INTERNAL itself. One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "launchpad/base/clock.h"
#include "launchpad/base/result.h"
#include "launchpad/wire/frame.h"

namespace lp::courier {

class Session;

class Call {
 public:
  // What is in a kCall frame that came on that connection.
  Call(std::shared_ptr<Session> session, wire::Frame&& frame);
  Call(Call&& other) noexcept;
  Call& operator=(Call&&) = delete;
  ~Call() {
    if (due_) fail_unanswered();
  }

  const std::string& method() const { return method_; }
  const wire::Payload& arguments() const { return arguments_; }
  wire::Payload& arguments() { return arguments_; }
  const base::Deadline& deadline() const { return deadline_; }
  // The caller's language: a handler answers a "cpp" caller in typed values only.
  const std::string& caller_language() const;
  // Whether the caller is on this host, where large buffers travel in shared memory.
  bool caller_shares() const;
  // True once the caller cancelled it or went away.
  bool cancelled() const;

  // Exactly one of these, once. A result with a stream opens it: its results are taken on a thread
  // of its own.
  void reply(const wire::Payload& result);
  void fail(const Error& error);
  void finish(const Result<wire::Payload>& result);

  uint64_t id() const { return id_; }
  // The connection it came on; also once the call is answered, or moved from.
  const std::shared_ptr<Session>& session() const { return session_; }

 private:
  void fail_unanswered();

  std::shared_ptr<Session> session_;
  bool due_ = true;  // The answer is: not once it was given, or the call moved from.
  uint64_t id_;
  std::string method_;
  wire::Payload arguments_;
  base::Deadline deadline_;
};

// Runs on a server's thread; must not throw. Takes the call, or leaves it where it is.
using Handler = std::function<void(Call&&)>;

}  // namespace lp::courier
