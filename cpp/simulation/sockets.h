// Sockets of the simulated world: tcp on the loopback interface, and pairs of Unix sockets. Bytes
// arrive in pieces and late; connections end in the middle, and each end hears of that in its own
// time; who connects first need not be accepted first. How often, says the weather of a schedule.
// Belongs to the world.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "simulation/files.h"

namespace lp::simulation {

// What the network does to a schedule's connections.
struct Weather {
  Time latency = 0;              // Of bytes, at most.
  uint64_t split_one_in = 0;     // Writes that arrive in pieces.
  uint64_t short_one_in = 0;     // Writes that take a part only.
  uint64_t cut_one_in = 0;       // Connections that end before they are closed,
  uint64_t cut_within = 400;     // within so many bytes in one direction,
  Time cut_until = kSecond;      // or within so long a time.
  size_t capacity = 256 * 1024;  // What a direction holds at most.
};

class Stream : public File {
 public:
  explicit Stream(bool local) : local_(local) {}
  ~Stream() override;

  uint32_t ready() const override;
  ssize_t read(void* space, size_t size) override { return receive(space, size, 0, nullptr); }
  ssize_t receive(void* space, size_t size, int flags, std::vector<int>* descriptors);
  ssize_t send(std::span<const iovec> parts, std::span<const int> descriptors);
  void shut();
  void closed() override;

  void connect(uint16_t port);
  // What became of it, once.
  int take_error();
  void set_patience(Time patience) { patience_ = patience; }
  void set_blocking(bool blocking) { blocking_ = blocking; }
  bool blocking() const { return blocking_; }
  bool local() const { return local_; }
  uint16_t here() const { return here_; }
  uint16_t there() const { return there_; }
  // As the kernel's table of connections says: neither end has let go.
  bool established() const;

  static void join(const std::shared_ptr<Stream>& one, const std::shared_ptr<Stream>& other);

 private:
  struct Along {
    uint64_t at;  // Of all bytes that came, the one that they come with.
    std::vector<int> descriptors;
  };
  enum class State { kFresh, kConnecting, kConnected, kRefused };

  void tell(const char* what, size_t bytes) const;
  size_t waiting() const { return in_.size() - taken_; }
  size_t room() const;
  void deliver(std::string bytes, std::vector<int> descriptors);
  void arrive(const std::string& bytes, const std::vector<int>& descriptors);
  // The other end has let go; it knows nothing of this one any more.
  void end(Time when);
  void reset(Time when);
  void cut();
  void draw_cut();
  void establish(uint16_t port);
  std::shared_ptr<Stream> self() { return std::static_pointer_cast<Stream>(shared_from_this()); }

  const bool local_;
  State state_ = State::kFresh;
  uint16_t here_ = 0, there_ = 0;
  std::weak_ptr<Stream> peer_;
  std::string in_;  // That arrived,
  size_t taken_ = 0;
  uint64_t before_ = 0;  // and how many bytes were there before.
  std::deque<Along> along_;
  size_t flying_ = 0;  // On their way here.
  Time last_arrival_ = 0;
  uint64_t written_ = 0;
  std::optional<uint64_t> cut_at_;  // Byte of those written.
  bool lost_ = false;               // What is written goes nowhere.
  bool wants_room_ = false;
  bool blocking_ = true;
  bool ended_ = false, reset_ = false, shut_ = false, closed_ = false, told_ = false;
  Time patience_ = 0;
};

// A listening socket.
class Door : public File {
 public:
  explicit Door(uint16_t port) : port_(port) {}
  uint32_t ready() const override { return waiting_.empty() ? 0u : EPOLLIN; }
  void closed() override;
  std::shared_ptr<Stream> accept();
  void add(std::shared_ptr<Stream> stream);
  uint16_t port() const { return port_; }

 private:
  const uint16_t port_;
  std::vector<std::shared_ptr<Stream>> waiting_;
};

// A socket that asks whose a connection's other end is: sock_diag(7).
class Inquiry : public File {
 public:
  uint32_t ready() const override { return EPOLLIN | EPOLLOUT; }
  ssize_t write(const void* bytes, size_t size) override;
  ssize_t read(void* space, size_t size) override;

 private:
  bool established_ = false;
};

class Network {
 public:
  static Network& get();
  // For a schedule.
  void begin(const Weather& weather);
  const Weather& weather() const { return weather_; }
  Time latency();
  // 0, or the error.
  int open_door(const std::shared_ptr<Door>& door);
  void close_door(uint16_t port) { doors_.erase(port); }
  std::shared_ptr<Door> door(uint16_t port) const;
  uint16_t fresh_port() { return next_port_++; }
  void add(const std::shared_ptr<Stream>& stream) { streams_.push_back(stream); }
  bool established(uint16_t here, uint16_t there) const;

 private:
  Weather weather_;
  std::map<uint16_t, std::weak_ptr<Door>> doors_;
  std::vector<std::weak_ptr<Stream>> streams_;
  uint16_t next_port_ = 0;
};

}  // namespace lp::simulation
