#include "launchpad/courier/addresses.h"

namespace lp::courier {
namespace {

constexpr std::string_view kPickFirst = "pick_first";
constexpr std::string_view kRoundRobin = "round_robin";

// Takes "prefix:" off the text, if it begins so.
bool strip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix) || !text.substr(prefix.size()).starts_with(':')) return false;
  text.remove_prefix(prefix.size() + 1);
  return true;
}

}  // namespace

Result<Policy> parse_policy(std::string_view name) {
  if (name == kPickFirst) return Policy::kPickFirst;
  if (name == kRoundRobin) return Policy::kRoundRobin;
  return Error(Code::kInvalidArgument, "there is no load balancing policy '" + std::string(name) +
                                           "': use pick_first or round_robin");
}

Result<Addresses> Addresses::parse(std::string_view text) {
  Addresses addresses;
  if (strip(text, kRoundRobin))
    addresses.policy = Policy::kRoundRobin;
  else
    strip(text, kPickFirst);
  // "dns:80" is port 80 of a host of that name, unlike "dns:host:80".
  const std::string_view first = text.substr(0, text.find(','));
  if (first.find(':') != first.rfind(':') && strip(text, "dns")) {
    if (text.starts_with("///")) text.remove_prefix(3);
  } else if (!strip(text, "ipv4")) {
    strip(text, "ipv6");
  }
  while (true) {
    const size_t comma = text.find(',');
    LP_TRY_ASSIGN(net::Address address, net::Address::parse(text.substr(0, comma)));
    addresses.all.push_back(std::move(address));
    if (comma == std::string_view::npos) return addresses;
    text.remove_prefix(comma + 1);
  }
}

std::string Addresses::str() const {
  std::string text = policy == Policy::kRoundRobin ? std::string(kRoundRobin) + ":" : "";
  for (size_t i = 0; i < all.size(); ++i) text += (i == 0 ? "" : ",") + all[i].str();
  return text;
}

}  // namespace lp::courier
