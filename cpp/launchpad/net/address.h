// Address says where a server listens: "unix:/path.sock", "tcp:host:port" (also "host:port"), or
// "inproc:name" for a server in this process. A value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "launchpad/base/result.h"

namespace lp::net {

enum class Kind { kUnix, kTcp, kInproc };

struct Address {
  // INVALID_ARGUMENT for what is none of the three forms, or a unix path that no socket can have.
  static Result<Address> parse(std::string_view text);

  std::string str() const;
  bool operator==(const Address&) const = default;

  Kind kind = Kind::kUnix;
  std::string name;   // Path, host or name.
  uint16_t port = 0;  // tcp only. 0: any free one (to listen).
};

// The longest path of a Unix socket (sun_path without its zero), 107 bytes.
size_t max_unix_path();

// INVALID_ARGUMENT for a longer one.
Status check_unix_path(std::string_view path);

}  // namespace lp::net
