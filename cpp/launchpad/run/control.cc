#include "launchpad/run/control.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "launchpad/wire/reader.h"
#include "launchpad/wire/writer.h"

namespace lp::run {
namespace {

constexpr size_t kMaxPacket = 256 * 1024;

// The beginning and the end say most.
std::string shortened(const std::string& text, size_t limit) {
  if (text.size() <= limit) return text;
  const std::string mark =
      "\n... [" + std::to_string(text.size() - limit) + " bytes left out] ...\n";
  const size_t half = (limit - mark.size()) / 2;
  return text.substr(0, half) + mark + text.substr(text.size() - half);
}

Error system_failure(Code code, const std::string& what) {
  return Error(code, what + ": " + std::strerror(errno));
}

// Never waits. An end that closes without having read everything makes one call fail
// (ECONNRESET); what it had sent before is still there.
ssize_t receive(int fd, void* data, size_t size, int flags) {
  ssize_t got;
  do {
    got = ::recv(fd, data, size, MSG_DONTWAIT | flags);
  } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  return got;
}

}  // namespace

std::string encode_control(const ControlMessage& message) {
  wire::Payload payload;
  wire::Writer writer(payload);
  writer.integer(static_cast<int>(message.kind));
  if (message.kind == ControlKind::kFailed) {
    const Error& error = message.error;
    writer.integer(static_cast<int>(error.code));
    // Bytes: what a node says need not be valid text.
    writer.bytes(shortened(error.message, kMaxMessage));
    writer.bytes(shortened(error.remote_type, kMaxMessage));
    writer.bytes(shortened(error.remote_trace, kMaxTrace));
    writer.bytes(error.remote_data.size() <= kMaxData ? error.remote_data : std::string());
  }
  return std::string(payload.body);
}

Result<ControlMessage> decode_control(std::string_view packet) {
  wire::Payload payload;
  payload.body = packet;
  wire::Reader reader(payload);
  const int64_t kind = reader.integer();
  ControlMessage message{static_cast<ControlKind>(kind)};
  if (kind < 1 || kind > 3)
    reader.fail("no kind of message has the number " + std::to_string(kind));
  if (reader.ok() && message.kind == ControlKind::kFailed) {
    const int64_t code = reader.integer();
    message.error.code = code > 0 && code <= 16 ? static_cast<Code>(code) : Code::kUnknown;
    message.error.message = reader.bytes();
    message.error.remote_type = reader.bytes();
    message.error.remote_trace = reader.bytes();
    message.error.remote_data = reader.bytes();
  }
  if (!reader.ok())
    return Error(Code::kDataLoss, "a bad control message: " + reader.error()->message);
  return message;
}

Result<std::pair<base::Fd, base::Fd>> control_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return system_failure(Code::kResourceExhausted, "cannot make a control socket");
  }
  const int size = static_cast<int>(kMaxPacket);
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
  return std::pair(base::Fd(ends[0]), base::Fd(ends[1]));
}

Status send_control(int fd, const ControlMessage& message) {
  const std::string packet = encode_control(message);
  while (::send(fd, packet.data(), packet.size(), MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    return system_failure(Code::kUnavailable, "cannot send a control message");
  }
  return {};
}

Result<std::optional<ControlMessage>> receive_control(int fd) {
  // First its size, then as much.
  const ssize_t size = receive(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::optional<ControlMessage>();
  if (size <= 0) return Error(Code::kUnavailable, "the control socket's other end is closed");
  std::string packet(static_cast<size_t>(size), '\0');
  if (receive(fd, packet.data(), packet.size(), 0) != size) {
    return Error(Code::kUnavailable, "the control socket's other end is closed");
  }
  LP_TRY_ASSIGN(ControlMessage message, decode_control(packet));
  return std::optional<ControlMessage>(std::move(message));
}

}  // namespace lp::run
