// Addresses names one server, or several that offer the same and the policy by which each call's is
// chosen. A value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launchpad/net/address.h"

namespace lp::courier {

enum class Policy {
  kPickFirst,   // The first that is up and healthy, until it is not.
  kRoundRobin,  // Those that are up and healthy, in turn.
};
// gRPC's names: "pick_first", "round_robin". INVALID_ARGUMENT for others.
Result<Policy> parse_policy(std::string_view name);

struct Addresses {
  // "a", or "a,b"; before it "round_robin:" or "pick_first:", if wanted, and "ipv4:", "ipv6:",
  // "dns:" or "dns:///", as gRPC has it. INVALID_ARGUMENT for a bad one.
  static Result<Addresses> parse(std::string_view text);
  // Parses to the same.
  std::string str() const;

  std::vector<net::Address> all;  // At least one.
  Policy policy = Policy::kPickFirst;
};

}  // namespace lp::courier
