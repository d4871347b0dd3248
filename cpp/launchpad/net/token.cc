#include "launchpad/net/token.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "launchpad/base/check.h"
#include "launchpad/base/guarded.h"
#include "launchpad/net/tls.h"

namespace lp::net {
namespace {

// Bytes of a file or of memory, up to `limit` + 1.
Result<std::string> read_all(int fd, size_t limit, const std::string& what) {
  std::string bytes(limit + 1, '\0');
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got =
        ::pread(fd, bytes.data() + size, bytes.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(Code::kDataLoss, "cannot read " + what + ": " + std::strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace

void fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    LP_CHECK(got > 0) << "the kernel gives no random bytes: " << std::strerror(errno);
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) {
  LP_CHECK(a.size() == b.size());
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct Token::Secret {
  explicit Secret(std::string secret) : bytes(std::move(secret)) {}
  ~Secret() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

  std::string bytes;
  base::Guarded<std::shared_ptr<const TlsIdentity>> identity;  // Made when it is first needed.
};

Token::Token(std::string bytes) : secret_(std::make_shared<Secret>(std::move(bytes))) {}

Token Token::mint() {
  std::array<std::byte, 32> random;
  fill_random(random);
  std::string digits;
  for (const std::byte byte : random) {
    digits += "0123456789abcdef"[std::to_integer<int>(byte >> 4)];
    digits += "0123456789abcdef"[std::to_integer<int>(byte & std::byte{15})];
  }
  OPENSSL_cleanse(random.data(), random.size());
  return Token(std::move(digits));
}

Result<Token> Token::of(std::string_view secret) {
  if (secret.size() < kMinTokenBytes || secret.size() > kMaxTokenBytes) {
    return Error(Code::kInvalidArgument, "a token has " + std::to_string(kMinTokenBytes) + " to " +
                                             std::to_string(kMaxTokenBytes) + " bytes, this has " +
                                             std::to_string(secret.size()) +
                                             ": make one with `openssl rand -hex 32`");
  }
  return Token(std::string(secret));
}

Result<Token> Token::from_file(const std::string& path) {
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!file.valid() || ::fstat(file.get(), &info) != 0) {
    const Code code = errno == EACCES ? Code::kPermissionDenied : Code::kNotFound;
    return Error(code, "cannot read the token in '" + path + "': " + std::strerror(errno));
  }
  if ((info.st_mode & 077) != 0) {
    return Error(Code::kPermissionDenied, "others can read the token in '" + path +
                                              "': make the file yours alone (chmod 600)");
  }
  LP_TRY_ASSIGN(std::string bytes, read_all(file.get(), kMaxTokenBytes, "'" + path + "'"));
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.pop_back();
  auto token = of(bytes);
  if (!token.ok()) {
    Error error = std::move(token).error();
    error.message = "'" + path + "': " + error.message;
    return error;
  }
  return token;
}

Result<Token> Token::inherited(base::Fd fd) {
  LP_TRY_ASSIGN(const std::string bytes, read_all(fd.get(), kMaxTokenBytes, "the run's token"));
  return of(bytes);
}

Result<base::Fd> Token::hand_down() const {
  LP_CHECK(secret_ != nullptr);
  base::Fd fd(::memfd_create("launchpad-token", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const std::string& bytes = secret_->bytes;
  if (!fd.valid() ||
      ::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
          0) {
    return Error(Code::kResourceExhausted,
                 std::string("cannot make memory for the run's token: ") + std::strerror(errno));
  }
  return fd;
}

bool Token::operator==(const Token& other) const {
  if (secret_ == nullptr || other.secret_ == nullptr) return secret_ == other.secret_;
  const std::string &a = secret_->bytes, &b = other.secret_->bytes;
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Digest Token::mac(std::span<const std::byte> data) const {
  LP_CHECK(secret_ != nullptr);
  Digest digest;
  unsigned size = 0;
  const auto* made =
      HMAC(EVP_sha256(), secret_->bytes.data(), static_cast<int>(secret_->bytes.size()),
           reinterpret_cast<const unsigned char*>(data.data()), data.size(),
           reinterpret_cast<unsigned char*>(digest.data()), &size);
  LP_CHECK(made != nullptr && size == digest.size()) << "OpenSSL has no HMAC-SHA256";
  return digest;
}

std::shared_ptr<const TlsIdentity> Token::identity() const {
  LP_CHECK(secret_ != nullptr);
  return secret_->identity.with([&](auto& identity) {
    if (identity == nullptr) identity = std::make_shared<const TlsIdentity>(*this);
    return identity;
  });
}

}  // namespace lp::net
