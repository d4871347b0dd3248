// Stranger is for courier's tests: a connection to a server that speaks bytes, not calls.
#pragma once

#include <sys/socket.h>

#include <array>
#include <string>
#include <string_view>

#include "launchpad/net/transport.h"

namespace lp::courier {

class Stranger {
 public:
  explicit Stranger(const net::Address& address) : socket_(net::connect(address).value()) {}

  // Until all is sent, or the server has closed.
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
      const net::Moved moved = socket_.write({&part, 1});
      if (moved.io == net::Io::kClosed) return;
      bytes.remove_prefix(moved.size);
    }
  }
  template <size_t N>
  void send(const std::array<std::byte, N>& bytes) {
    send({reinterpret_cast<const char*>(bytes.data()), N});
  }
  void say_no_more() { ::shutdown(socket_.fd(), SHUT_WR); }
  // Reads `size` bytes, or until the server closes.
  std::string read(size_t size) {
    std::string all(size, '\0');
    size_t filled = 0;
    while (filled < size) {
      const net::Moved moved =
          socket_.read(std::as_writable_bytes(std::span(all)).subspan(filled), true);
      if (moved.io == net::Io::kClosed) break;
      filled += moved.size;
    }
    all.resize(filled);
    return all;
  }
  // Reads until the server closes; what it said.
  std::string until_closed() {
    std::string all;
    for (std::string part = read(4096); !part.empty(); part = read(4096)) all += part;
    return all;
  }

 private:
  net::Socket socket_;
};

}  // namespace lp::courier
