// Error is what went wrong: a code from a short list, a message that names the mend, and, for
// errors that happened in another node, the type and trace of the exception there. A plain value
// inside the library; at the public surface it is thrown. Codes have gRPC's numbers, which Python
// programs print.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace lp {

// Why something failed. The numbers are gRPC's.
enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// The code's conventional name, e.g. "DEADLINE_EXCEEDED".
std::string_view code_name(Code code);

struct Error : public std::exception {
  Error() = default;
  // Rare: what leads here is laid apart from the code around it.
  [[gnu::cold]] Error(Code c, std::string m);

  // The message.
  const char* what() const noexcept override { return message.c_str(); }

  // True when the exception was raised by the method that was called, not by the call's way there.
  bool remote() const { return !remote_type.empty(); }

  Code code = Code::kUnknown;  // Why.
  std::string message;         // What, and what to do about it.
  std::string remote_type;     // e.g. "ValueError" or "std::runtime_error"; empty if not remote.
  std::string remote_trace;    // The trace as the other language prints it; may be empty.
  std::string remote_data;     // The other language's own form of the exception (Python: a pickle);
                               // may be empty.
};

// What a caller catches when the method that it called threw: `remote_type`, `message`,
// `remote_trace`.
struct RemoteError : public Error {
  explicit RemoteError(Error e) : Error(std::move(e)) {}
};

// Throws `error` as RemoteError or Error.
[[noreturn]] void throw_error(Error error);

}  // namespace lp
