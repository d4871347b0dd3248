// The messages between a launcher and its workers, over a SOCK_SEQPACKET pair: one message, one
// packet. The launcher tells the stop; a worker asks for it or reports why its task failed. Any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "launchpad/base/fd.h"
#include "launchpad/base/result.h"

namespace lp::run {

enum class ControlKind : int { kStop = 1, kStopRequested = 2, kFailed = 3 };

struct ControlMessage {
  ControlKind kind;
  Error error{};  // kFailed only.
};

// What of an error travels: longer traces and messages lose their middle, larger data is dropped.
inline constexpr size_t kMaxTrace = 64 * 1024;
inline constexpr size_t kMaxData = 64 * 1024;
inline constexpr size_t kMaxMessage = 16 * 1024;

std::string encode_control(const ControlMessage& message);
// DATA_LOSS for bytes that no worker or launcher wrote.
Result<ControlMessage> decode_control(std::string_view packet);

// Both ends close on exec.
Result<std::pair<base::Fd, base::Fd>> control_pair();

// UNAVAILABLE if the other end is gone.
Status send_control(int fd, const ControlMessage& message);
// The next message, or nothing if none waits. UNAVAILABLE at the end; DATA_LOSS as decode_control.
Result<std::optional<ControlMessage>> receive_control(int fd);

}  // namespace lp::run
