#include "launchpad/net/address.h"

#include <sys/un.h>

#include <charconv>

namespace lp::net {
namespace {

Error invalid(std::string_view text, std::string why) {
  return Error(Code::kInvalidArgument,
               "'" + std::string(text) + "' is no address: " + std::move(why) +
                   " (addresses are unix:/path, host:port and inproc:name)");
}

}  // namespace

size_t max_unix_path() { return sizeof(sockaddr_un::sun_path) - 1; }

Status check_unix_path(std::string_view path) {
  if (path.size() <= max_unix_path()) return {};
  return invalid("unix:" + std::string(path), "the path has " + std::to_string(path.size()) +
                                                  " bytes, a Unix socket's may have " +
                                                  std::to_string(max_unix_path()) +
                                                  "; use a shorter directory");
}

Result<Address> Address::parse(std::string_view text) {
  // The system's calls would take only what is before it.
  if (text.find('\0') != std::string_view::npos) return invalid(text, "it has a zero byte");
  std::string_view rest = text;
  Address address;
  if (rest.starts_with("unix:")) {
    address.name = rest.substr(5);
    if (address.name.empty()) return invalid(text, "the path is missing");
    LP_TRY(check_unix_path(address.name));
    return address;
  }
  if (rest.starts_with("inproc:")) {
    address.kind = Kind::kInproc;
    address.name = rest.substr(7);
    if (address.name.empty()) return invalid(text, "the name is missing");
    return address;
  }
  if (rest.starts_with("tcp:")) rest.remove_prefix(4);
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return invalid(text, "host:port is missing");
  address.kind = Kind::kTcp;
  address.name = rest.substr(0, colon);
  if (address.name.front() == '[' && address.name.back() == ']') {
    address.name = address.name.substr(1, address.name.size() - 2);
  }
  if (address.name.empty()) return invalid(text, "host:port is missing");
  const std::string_view digits = rest.substr(colon + 1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
    return invalid(text, "the port is no number from 0 to 65535");
  }
  return address;
}

std::string Address::str() const {
  switch (kind) {
    case Kind::kUnix:
      return "unix:" + name;
    case Kind::kInproc:
      return "inproc:" + name;
    case Kind::kTcp:
      break;
  }
  const bool is_ipv6 = name.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + name + "]" : name) + ":" + std::to_string(port);
}

}  // namespace lp::net
