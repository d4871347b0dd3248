#include "launchpad/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>

#include "launchpad/base/check.h"

namespace lp::net {
namespace {

constexpr size_t kRecordBytes = 16 * 1024;
constexpr base::Nanos kTick{200'000'000};  // How long a read waits before its caller looks up.

void check(bool ok, const char* what) { LP_CHECK(ok) << "OpenSSL: " << what; }

// OpenSSL reads and writes the descriptor by these: never waiting, never raising SIGPIPE.
int descriptor(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))); }

int receive(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(descriptor(bio), bytes, static_cast<size_t>(size), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

int transmit(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent =
      ::send(descriptor(bio), bytes, static_cast<size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* const fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "launchpad");
    check(fresh != nullptr, "no BIO method");
    BIO_meth_set_read(fresh, receive);
    BIO_meth_set_write(fresh, transmit);
    BIO_meth_set_ctrl(fresh, control);
    return fresh;
  }();
  return made;
}

// The machine's configuration says nothing about us; threads may run to the very end.
void initialize() {
  static std::once_flag once;
  std::call_once(once, [] {
    check(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) == 1,
          "cannot be initialized");
  });
}

EVP_PKEY* derive_key(const Token& token) {
  constexpr std::string_view kPurpose = "launchpad: key of the run's certificate";
  const Digest seed = token.mac(std::as_bytes(std::span(kPurpose)));
  EVP_PKEY* const key = EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(seed.data()), seed.size());
  check(key != nullptr, "no Ed25519");
  return key;
}

// Only its key counts.
X509* make_certificate(EVP_PKEY* key) {
  X509* const certificate = X509_new();
  check(certificate != nullptr, "no memory");
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  ASN1_TIME_set_string(X509_getm_notBefore(certificate), "19700101000000Z");
  ASN1_TIME_set_string(X509_getm_notAfter(certificate), "99991231235959Z");
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("launchpad run"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  check(X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, nullptr) > 0,
        "cannot sign a certificate");
  return certificate;
}

// The peer's certificate must have our own key: the handshake proves that it has the private half.
int verify(X509_STORE_CTX* store, void* identity) {
  const X509* const shown = X509_STORE_CTX_get0_cert(store);
  const EVP_PKEY* const key = shown == nullptr ? nullptr : X509_get0_pubkey(shown);
  const bool same =
      key != nullptr && EVP_PKEY_eq(key, static_cast<const TlsIdentity*>(identity)->key()) == 1;
  if (!same) X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
  return same ? 1 : 0;
}

SSL_CTX* make_context(bool server, EVP_PKEY* key, X509* certificate, TlsIdentity* identity) {
  SSL_CTX* const context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  check(context != nullptr, "no TLS");
  check(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
            SSL_CTX_set_ciphersuites(context,
                                     "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                     "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
            SSL_CTX_use_certificate(context, certificate) == 1 &&
            SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_set_num_tickets(context, 0) == 1,
        "cannot set up TLS 1.3");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify, identity);
  return context;
}

Io outcome(SSL* ssl, int result) {
  const int why = SSL_get_error(ssl, result);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? Io::kWouldBlock : Io::kClosed;
}

}  // namespace

TlsIdentity::TlsIdentity(const Token& token) {
  initialize();
  key_ = derive_key(token);
  X509* const certificate = make_certificate(key_);
  server_ = make_context(true, key_, certificate, this);
  client_ = make_context(false, key_, certificate, this);
  X509_free(certificate);
  ERR_clear_error();
}

TlsIdentity::~TlsIdentity() {
  SSL_CTX_free(server_);
  SSL_CTX_free(client_);
  EVP_PKEY_free(key_);
}

TlsStream::TlsStream(const Socket& socket, const Token& token, bool server)
    : fd_(socket.fd()), identity_(token.identity()) {
  state_.with([&](State& state) {
    state.ssl = SSL_new(identity_->context(server));
    BIO* const bio = BIO_new(method());
    check(state.ssl != nullptr && bio != nullptr, "no memory");
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(fd_)));
    BIO_set_init(bio, 1);
    SSL_set_bio(state.ssl, bio, bio);
    if (server)
      SSL_set_accept_state(state.ssl);
    else
      SSL_set_connect_state(state.ssl);
  });
}

TlsStream::~TlsStream() {
  state_.with([](State& state) { SSL_free(state.ssl); });
}

Io TlsStream::handshake() {
  return state_.with([&](State& state) {
    ERR_clear_error();
    const int result = SSL_do_handshake(state.ssl);
    if (result == 1) return Io::kMoved;
    const Io io = outcome(state.ssl, result);
    if (io == Io::kWouldBlock) return io;
    const char* const reason = ERR_reason_error_string(ERR_peek_error());
    failure_ = reason == nullptr ? "the connection ended" : reason;
    ERR_clear_error();
    return io;
  });
}

Moved TlsStream::read(std::span<std::byte> space, bool wait) {
  LP_CHECK(!space.empty()) << "no space to read into: it would look as if the peer had closed";
  while (true) {
    const Moved moved = read_available(space);
    if (moved.io != Io::kWouldBlock || !wait) return moved;
    bool readable = true;
    bool writable = false;
    const Io io = wait_for(fd_, readable, writable, base::Deadline::after(kTick));
    if (io != Io::kMoved) return {io};
  }
}

// Until the space is full or nothing is left: what reads after an edge counts on that.
Moved TlsStream::read_available(std::span<std::byte> space) {
  return state_.with([&](State& state) -> Moved {
    size_t size = 0;
    Io io = Io::kMoved;
    while (size < space.size() && io == Io::kMoved) {
      ERR_clear_error();
      const auto most = static_cast<int>(std::min<size_t>(space.size() - size, 1 << 30));
      const int got = SSL_read(state.ssl, space.data() + size, most);
      if (got > 0)
        size += static_cast<size_t>(got);
      else
        io = outcome(state.ssl, got);
    }
    holds_bytes_.store(SSL_pending(state.ssl) > 0, std::memory_order_release);
    ERR_clear_error();
    // An end that came right behind is met by the next read.
    return size > 0 ? Moved{Io::kMoved, size} : Moved{io};
  });
}

// Small parts share a record. What OpenSSL has begun to send it must get again, byte by byte.
size_t TlsStream::gather(State& state, std::span<const iovec> parts) {
  if (state.gathered == nullptr) state.gathered = std::make_unique<std::byte[]>(kRecordBytes);
  const size_t limit = state.unfinished > 0 ? state.unfinished : kRecordBytes;
  size_t size = 0;
  for (const iovec& part : parts) {
    const size_t more = std::min(limit - size, part.iov_len);
    std::memcpy(state.gathered.get() + size, part.iov_base, more);
    size += more;
    if (size == limit) break;
  }
  return size;
}

Moved TlsStream::write(std::span<const iovec> parts) {
  return state_.with([&](State& state) -> Moved {
    const size_t size = gather(state, parts);
    if (size == 0) return {Io::kMoved};
    ERR_clear_error();
    const int sent = SSL_write(state.ssl, state.gathered.get(), static_cast<int>(size));
    if (sent > 0) {
      state.unfinished = 0;
      return {Io::kMoved, static_cast<size_t>(sent)};
    }
    const Io io = outcome(state.ssl, sent);
    state.unfinished = size;
    ERR_clear_error();
    return {io};
  });
}

void free_tls_of_thread() { ::OPENSSL_thread_stop(); }

}  // namespace lp::net
