// ForkRequest is what a launcher asks of its fork server: a fork of it, with descriptors that
// travel beside, that goes on as a worker. Over a SOCK_SEQPACKET pair: one request, one packet. Any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/base/fd.h"
#include "launchpad/base/result.h"

namespace lp::run {

// A variable to set, or to remove.
struct EnvironmentChange {
  std::string name;
  std::optional<std::string> value;
  bool operator==(const EnvironmentChange&) const = default;
};

struct ForkRequest {
  std::vector<EnvironmentChange> environment;
  std::string cwd;  // Empty: the fork server's, as are the CPUs.
  std::vector<int> cpus;
  std::vector<int> numbers;  // What the fork's descriptors are called there.
};

// What fits into one.
inline constexpr size_t kMaxForkRequest = 128 * 1024;
inline constexpr size_t kMaxForkDescriptors = 200;

// Each is the caller's. `given` are called `numbers`.
struct ForkDescriptors {
  int report;    // See StartReport.
  int guardian;  // See GuardianMessage.
  std::vector<int> given;
};

std::string encode_fork_request(const ForkRequest& request);
// DATA_LOSS for bytes that no launcher wrote.
Result<ForkRequest> decode_fork_request(std::string_view packet);

// UNAVAILABLE if the fork server is gone. RESOURCE_EXHAUSTED: too large.
Status send_fork_request(int socket, const ForkRequest& request, const ForkDescriptors& theirs);

struct ReceivedForkRequest {
  ForkRequest request;
  base::Fd report, guardian;
  std::vector<base::Fd> given;
};

// Waits for the next; nothing: the launcher wants no more.
Result<std::optional<ReceivedForkRequest>> receive_fork_request(int socket);

}  // namespace lp::run
