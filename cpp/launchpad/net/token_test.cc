#include "launchpad/net/token.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace lp::net {
namespace {

Token token_of(const std::string& secret) { return Token::of(secret).value(); }

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string hex(const Digest& digest) {
  std::string text;
  for (const std::byte byte : digest) {
    char two[3];
    std::snprintf(two, sizeof(two), "%02x", std::to_integer<unsigned>(byte));
    text += two;
  }
  return text;
}

// A file of these bytes and this mode, removed at the end.
class TokenFile {
 public:
  TokenFile(const std::string& content, mode_t mode)
      : path_((std::filesystem::temp_directory_path() /
               ("lp-token-" + std::to_string(::getpid()) + "-" + std::to_string(mode)))
                  .string()) {
    std::ofstream(path_) << content;
    ::chmod(path_.c_str(), mode);
  }
  ~TokenFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Token, ItsMacIsHmacSha256) {
  // RFC 4231, test case 1.
  EXPECT_EQ(hex(token_of(std::string(20, '\x0b')).mac(bytes_of("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

TEST(Token, MintedOnesDifferAndAreEqualToThemselvesOnly) {
  const Token a = Token::mint(), b = Token::mint();
  EXPECT_FALSE(a == b);
  EXPECT_TRUE(a == Token(a));
  EXPECT_FALSE(a == Token());
  EXPECT_TRUE(Token() == Token());
  EXPECT_FALSE(Token());
}

TEST(Token, AShortOneIsAnErrorThatSaysHowToMakeOne) {
  const auto shorter = Token::of("secret");
  ASSERT_FALSE(shorter.ok());
  EXPECT_EQ(shorter.error().code, Code::kInvalidArgument);
  EXPECT_NE(shorter.error().message.find("openssl rand -hex 32"), std::string::npos);
  EXPECT_FALSE(Token::of(std::string(kMaxTokenBytes + 1, 'x')).ok());
}

TEST(Token, OfAFileIsItsFirstLineAndOnlyOfAFileThatNobodyElseReads) {
  const TokenFile own("0123456789abcdef\n", 0600);
  EXPECT_TRUE(Token::from_file(own.path()).value() == token_of("0123456789abcdef"));
  const TokenFile open("0123456789abcdef\n", 0640);
  const auto refused = Token::from_file(open.path());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_NE(refused.error().message.find("chmod 600"), std::string::npos);
  EXPECT_EQ(Token::from_file("/no/such").error().code, Code::kNotFound);
}

TEST(Token, HandedDownIsTheSameAndCannotBeChanged) {
  const Token token = Token::mint();
  base::Fd first = token.hand_down().value();
  base::Fd second(::fcntl(first.get(), F_DUPFD_CLOEXEC, 3));
  EXPECT_LT(::write(first.get(), "x", 1), 0);
  // Each child reads it from its beginning, whatever the others have read.
  EXPECT_TRUE(Token::inherited(std::move(first)).value() == token);
  EXPECT_TRUE(Token::inherited(std::move(second)).value() == token);
}

}  // namespace
}  // namespace lp::net
