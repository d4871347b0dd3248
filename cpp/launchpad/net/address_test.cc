#include "launchpad/net/address.h"

#include <gtest/gtest.h>

namespace lp::net {
namespace {

struct Good {
  std::string text;
  Kind kind;
  std::string name;
  uint16_t port;
  std::string str;  // How it is written back.
};

TEST(Address, ParsesEachFormAndIsWrittenBack) {
  const Good table[] = {
      {"unix:/tmp/a.sock", Kind::kUnix, "/tmp/a.sock", 0, "unix:/tmp/a.sock"},
      {"unix:relative", Kind::kUnix, "relative", 0, "unix:relative"},
      {"unix:/with:colon and space", Kind::kUnix, "/with:colon and space", 0,
       "unix:/with:colon and space"},
      {"inproc:name", Kind::kInproc, "name", 0, "inproc:name"},
      {"inproc:a:1", Kind::kInproc, "a:1", 0, "inproc:a:1"},
      {"tcp:localhost:80", Kind::kTcp, "localhost", 80, "localhost:80"},
      {"localhost:0", Kind::kTcp, "localhost", 0, "localhost:0"},
      {"10.0.0.1:65535", Kind::kTcp, "10.0.0.1", 65535, "10.0.0.1:65535"},
      {"[::1]:80", Kind::kTcp, "::1", 80, "[::1]:80"},
      {"tcp:[fe80::1%eth0]:80", Kind::kTcp, "fe80::1%eth0", 80, "[fe80::1%eth0]:80"},
      {"::1:80", Kind::kTcp, "::1", 80, "[::1]:80"},
  };
  for (const Good& good : table) {
    SCOPED_TRACE(good.text);
    const auto address = Address::parse(good.text);
    ASSERT_TRUE(address.ok()) << address.error().message;
    EXPECT_EQ(address.value().kind, good.kind);
    EXPECT_EQ(address.value().name, good.name);
    EXPECT_EQ(address.value().port, good.port);
    EXPECT_EQ(address.value().str(), good.str);
    EXPECT_EQ(Address::parse(good.str).value(), address.value());
  }
}

TEST(Address, SaysWhyATextIsNone) {
  const std::pair<std::string, std::string> table[] = {
      {"", "host:port is missing"},
      {"localhost", "host:port is missing"},
      {"tcp:80", "host:port is missing"},
      {"/tmp/a.sock", "host:port is missing"},
      {":80", "host:port is missing"},
      {"tcp::80", "host:port is missing"},
      {"[]:80", "host:port is missing"},
      {"unix:", "the path is missing"},
      {"inproc:", "the name is missing"},
      {"host:", "the port is no number from 0 to 65535"},
      {"host:65536", "the port is no number from 0 to 65535"},
      {"host:99999999999999999999", "the port is no number from 0 to 65535"},
      {"host:-1", "the port is no number from 0 to 65535"},
      {"host:+1", "the port is no number from 0 to 65535"},
      {"host: 1", "the port is no number from 0 to 65535"},
      {"host:1 ", "the port is no number from 0 to 65535"},
      {"host:0x50", "the port is no number from 0 to 65535"},
      {"host:http", "the port is no number from 0 to 65535"},
      {std::string("unix:/tmp/a\0b", 13), "it has a zero byte"},
      {std::string("unix:\0abstract", 14), "it has a zero byte"},
      {std::string("inproc:a\0", 9), "it has a zero byte"},
      {std::string("ho\0st:80", 8), "it has a zero byte"},
  };
  for (const auto& [text, why] : table) {
    SCOPED_TRACE(text);
    const auto address = Address::parse(text);
    ASSERT_FALSE(address.ok());
    EXPECT_EQ(address.error().code, Code::kInvalidArgument);
    EXPECT_EQ(address.error().message,
              "'" + text + "' is no address: " + why +
                  " (addresses are unix:/path, host:port and inproc:name)");
  }
}

TEST(Address, TakesThePathsThatASocketCanHaveAndNoLonger) {
  EXPECT_EQ(max_unix_path(), 107u);
  EXPECT_TRUE(Address::parse("unix:/" + std::string(106, 'p')).ok());
  const auto address = Address::parse("unix:/" + std::string(107, 'p'));
  ASSERT_FALSE(address.ok());
  EXPECT_NE(address.error().message.find(
                "the path has 108 bytes, a Unix socket's may have 107; use a shorter directory"),
            std::string::npos);
}

TEST(Address, IsEqualOnlyIfAllOfItIs) {
  const Address address{Kind::kTcp, "host", 80};
  EXPECT_EQ(address, (Address{Kind::kTcp, "host", 80}));
  EXPECT_NE(address, (Address{Kind::kTcp, "host", 81}));
  EXPECT_NE(address, (Address{Kind::kTcp, "other", 80}));
  EXPECT_NE(address, (Address{Kind::kInproc, "host", 80}));
}

}  // namespace
}  // namespace lp::net
