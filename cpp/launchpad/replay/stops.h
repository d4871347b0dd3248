// The news that a server was stopped, which is an answer to who waits for its tables, unlike a
// connection that breaks because the server was killed. Pure.
#pragma once

#include <string>
#include <utility>

#include "launchpad/base/error.h"

namespace lp::replay {

// Travels as the type of a remote error.
inline constexpr const char* kServerStops = "ServerStops";

inline Error server_stops(std::string what = "the replay server stops") {
  Error error(Code::kUnavailable, std::move(what));
  error.remote_type = kServerStops;
  return error;
}

inline bool says_stop(const Error& error) {
  return error.code == Code::kUnavailable && error.remote_type == kServerStops;
}

// As a client hears it, which may have several servers.
inline Error stop_of(const std::string& server, Error error) {
  if (says_stop(error)) error.message = server + ": " + error.message;
  return error;
}

}  // namespace lp::replay
