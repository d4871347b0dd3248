#include "simulation/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "launchpad/base/check.h"

namespace lp::simulation {
namespace {

constexpr uint16_t kFirstFreePort = 40'000;
// Waits for bytes of which one is ended by a signal.
constexpr uint64_t kInterruptOneIn = 256;

int fail(int error) {
  errno = error;
  return -1;
}

// Descriptors that travel are real: shared memory.
int duplicate(int fd) {
  LP_CHECK(!Descriptors::is_one(fd)) << "only descriptors of shared memory travel here";
  return ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

}  // namespace

Stream::~Stream() {
  for (const Along& along : along_) {
    for (const int fd : along.descriptors) ::close(fd);
  }
}

uint32_t Stream::ready() const {
  if (state_ == State::kFresh || state_ == State::kConnecting) return 0;
  if (state_ == State::kRefused) return EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP;
  uint32_t events = 0;
  if (waiting() > 0 || ended_ || shut_ || reset_) events |= EPOLLIN;
  if (ended_ || shut_ || reset_) events |= EPOLLRDHUP;
  if (shut_ || reset_ || (local_ && ended_)) events |= EPOLLHUP;
  if (reset_ && !local_) events |= EPOLLERR;
  if (room() * 3 >= Network::get().weather().capacity || shut_ || reset_) events |= EPOLLOUT;
  return events;
}

void Stream::tell(const char* what, size_t bytes) const {
  World::get().tell("%s %u>%u: %s %zu", local_ ? "pair" : "tcp", here_, there_, what, bytes);
}

size_t Stream::room() const {
  const auto peer = peer_.lock();
  const size_t capacity = Network::get().weather().capacity;
  if (peer == nullptr || lost_) return capacity;
  return capacity - std::min(capacity, peer->waiting() + peer->flying_);
}

ssize_t Stream::receive(void* space, size_t size, int flags, std::vector<int>* descriptors) {
  World& world = World::get();
  std::optional<Time> until;
  if (patience_ > 0) until = world.now() + patience_;
  while (waiting() == 0) {
    if (reset_ && !local_ && !std::exchange(told_, true)) return fail(ECONNRESET);
    if (ended_ || shut_ || reset_) return 0;
    if ((flags & MSG_DONTWAIT) != 0 || !blocking_) return fail(EAGAIN);
    if (world.dice().one_in(kInterruptOneIn)) return fail(EINTR);
    if (!world.wait(this, until, "bytes")) return fail(EAGAIN);
  }
  size_t count = std::min(size, waiting());
  // What comes with descriptors is not read together with what comes with others.
  if (along_.size() > 1) count = std::min<size_t>(count, along_[1].at - before_ - taken_);
  std::memcpy(space, in_.data() + taken_, count);
  if ((flags & MSG_PEEK) != 0) return static_cast<ssize_t>(count);
  taken_ += count;
  tell("reads", count);
  if (!along_.empty() && along_.front().at < before_ + taken_) {
    for (const int fd : along_.front().descriptors) {
      if (descriptors != nullptr)
        descriptors->push_back(fd);
      else
        ::close(fd);
    }
    along_.pop_front();
  }
  if (taken_ == in_.size()) {
    before_ += taken_;
    taken_ = 0;
    in_.clear();
  }
  const auto peer = peer_.lock();
  if (peer != nullptr && peer->wants_room_ &&
      peer->room() * 3 >= Network::get().weather().capacity) {
    peer->wants_room_ = false;
    peer->changed();
  }
  return static_cast<ssize_t>(count);
}

ssize_t Stream::send(std::span<const iovec> parts, std::span<const int> descriptors) {
  if (state_ != State::kConnected || shut_ || reset_ || (local_ && ended_)) return fail(EPIPE);
  const Weather& weather = Network::get().weather();
  Dice& dice = World::get().dice();
  size_t size = 0;
  for (const iovec& part : parts) size += part.iov_len;
  const size_t room = this->room();
  if (room == 0) {
    wants_room_ = true;
    return fail(EAGAIN);
  }
  size_t taken = std::min(size, room);
  if (dice.one_in(weather.short_one_in)) taken = 1 + dice.below(taken);
  std::string bytes;
  bytes.reserve(taken);
  for (const iovec& part : parts) {
    bytes.append(static_cast<const char*>(part.iov_base),
                 std::min(part.iov_len, taken - bytes.size()));
  }
  const uint64_t before = written_;
  written_ += taken;
  tell("sends", taken);
  if (lost_) return static_cast<ssize_t>(taken);
  const bool ends = cut_at_ && *cut_at_ <= written_;
  if (ends) bytes.resize(*cut_at_ - before);
  std::vector<int> copies;
  for (const int fd : descriptors) copies.push_back(duplicate(fd));
  deliver(std::move(bytes), std::move(copies));
  if (ends) {
    cut_at_.reset();
    cut();
  }
  return static_cast<ssize_t>(taken);
}

// Goes from this end to the other.
void Stream::deliver(std::string bytes, std::vector<int> descriptors) {
  World& world = World::get();
  const auto peer = peer_.lock();
  if (peer == nullptr || peer->closed_) {
    // Nobody is there any more, and says so.
    for (const int fd : descriptors) ::close(fd);
    reset(world.now() + Network::get().latency());
    return;
  }
  const Weather& weather = Network::get().weather();
  if (local_) return peer->arrive(bytes, descriptors);
  while (!bytes.empty()) {
    std::string piece = bytes;
    if (world.dice().one_in(weather.split_one_in))
      piece.resize(1 + world.dice().below(piece.size()));
    bytes.erase(0, piece.size());
    peer->last_arrival_ = std::max(peer->last_arrival_, world.now() + Network::get().latency());
    peer->flying_ += piece.size();
    world.at(peer->last_arrival_, [weak = std::weak_ptr(peer), piece = std::move(piece)] {
      const auto target = weak.lock();
      if (target == nullptr) return;
      target->flying_ -= piece.size();
      target->arrive(piece, {});
    });
  }
}

void Stream::arrive(const std::string& bytes, const std::vector<int>& descriptors) {
  tell("gets", bytes.size());
  if (closed_ || shut_ || reset_) {
    for (const int fd : descriptors) ::close(fd);
    const auto peer = peer_.lock();
    if (peer != nullptr && !local_) peer->reset(World::get().now() + Network::get().latency());
    return;
  }
  if (!descriptors.empty()) along_.push_back({before_ + in_.size(), descriptors});
  in_ += bytes;
  changed();
}

void Stream::end(Time when) {
  World::get().at(when, [weak = weak_from_this()] {
    const auto self = std::static_pointer_cast<Stream>(weak.lock());
    if (self == nullptr) return;
    self->ended_ = true;
    self->tell("hears the end", 0);
    self->changed();
  });
}

void Stream::reset(Time when) {
  World::get().at(when, [weak = weak_from_this()] {
    const auto self = std::static_pointer_cast<Stream>(weak.lock());
    if (self == nullptr || self->reset_) return;
    self->reset_ = self->ended_ = true;
    self->tell("is reset", 0);
    self->changed();
  });
}

void Stream::shut() {
  if (state_ != State::kConnected || std::exchange(shut_, true)) return;
  tell("shuts", 0);
  changed();
  const auto peer = peer_.lock();
  if (peer == nullptr || lost_) return;
  if (local_) {
    peer->ended_ = true;
    peer->changed();
  } else {
    peer->end(std::max(peer->last_arrival_, World::get().now() + Network::get().latency()));
  }
}

void Stream::closed() {
  const bool unread = waiting() + flying_ > 0;
  shut();
  closed_ = true;
  tell("is closed", 0);
  const auto peer = peer_.lock();
  if (peer != nullptr && unread && !local_ && !lost_)
    peer->reset(World::get().now() + Network::get().latency());
}

// The connection ends here. What was sent arrives at most; each end hears of it when it does.
void Stream::cut() {
  World& world = World::get();
  const auto peer = peer_.lock();
  if (lost_ || peer == nullptr) return;
  tell("is cut", 0);
  for (Stream* const stream : {this, peer.get()}) {
    stream->lost_ = true;
    const Time when = world.now() + world.dice().between(0, 1 << world.dice().below(31));
    if (local_ || world.dice().one_in(4))
      stream->end(std::max(when, stream->last_arrival_));
    else
      stream->reset(when);
  }
}

void Stream::draw_cut() {
  const Weather& weather = Network::get().weather();
  World& world = World::get();
  if (!world.dice().one_in(weather.cut_one_in)) return;
  if (local_ || world.dice().one_in(3)) {
    world.at(world.now() + world.dice().between(0, weather.cut_until), [weak = weak_from_this()] {
      if (const auto self = std::static_pointer_cast<Stream>(weak.lock())) self->cut();
    });
  } else {
    cut_at_ = world.dice().below(weather.cut_within);
  }
}

bool Stream::established() const {
  const auto peer = peer_.lock();
  const auto holds = [](const Stream& one) {
    return !one.closed_ && !one.shut_ && !one.ended_ && !one.reset_;
  };
  return state_ == State::kConnected && holds(*this) && peer != nullptr && holds(*peer);
}

void Stream::join(const std::shared_ptr<Stream>& one, const std::shared_ptr<Stream>& other) {
  one->peer_ = other;
  other->peer_ = one;
  one->state_ = other->state_ = State::kConnected;
  one->draw_cut();
  other->draw_cut();
}

void Stream::connect(uint16_t port) {
  state_ = State::kConnecting;
  there_ = port;
  here_ = Network::get().fresh_port();
  World::get().at(World::get().now() + Network::get().latency(), [weak = weak_from_this(), port] {
    const auto self = std::static_pointer_cast<Stream>(weak.lock());
    if (self != nullptr && !self->closed_) self->establish(port);
  });
}

void Stream::establish(uint16_t port) {
  Network& network = Network::get();
  const auto door = network.door(port);
  tell(door == nullptr ? "is refused" : "is connected", 0);
  if (door == nullptr) {
    state_ = State::kRefused;
  } else {
    const auto other = std::make_shared<Stream>(false);
    other->here_ = port;
    other->there_ = here_;
    join(self(), other);
    network.add(self());
    network.add(other);
    door->add(other);
  }
  changed();
}

int Stream::take_error() {
  if (state_ == State::kRefused) return ECONNREFUSED;
  return reset_ && !std::exchange(told_, true) ? ECONNRESET : 0;
}

void Door::closed() {
  Network::get().close_door(port_);
  for (const auto& stream : waiting_) {
    stream->closed();
  }
  waiting_.clear();
}

std::shared_ptr<Stream> Door::accept() {
  if (waiting_.empty()) return nullptr;
  const auto chosen =
      waiting_.begin() + static_cast<ptrdiff_t>(World::get().dice().below(waiting_.size()));
  auto stream = std::move(*chosen);
  waiting_.erase(chosen);
  World::get().tell("accepts from %u", stream->there());
  return stream;
}

// It can be accepted a little later than its client knows of it.
void Door::add(std::shared_ptr<Stream> stream) {
  World& world = World::get();
  world.at(world.now() + Network::get().latency(), [weak = weak_from_this(), stream] {
    const auto self = std::static_pointer_cast<Door>(weak.lock());
    if (self == nullptr) return stream->closed();
    self->waiting_.push_back(stream);
    self->changed();
  });
}

ssize_t Inquiry::write(const void* bytes, size_t size) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } request{};
  std::memcpy(&request, bytes, std::min(size, sizeof(request)));
  established_ = Network::get().established(ntohs(request.body.id.idiag_sport),
                                            ntohs(request.body.id.idiag_dport));
  return static_cast<ssize_t>(size);
}

ssize_t Inquiry::read(void* space, size_t size) {
  struct {
    nlmsghdr header;
    inet_diag_msg body;
  } answer{};
  answer.header.nlmsg_len = sizeof(answer);
  answer.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  answer.body.idiag_state = established_ ? TCP_ESTABLISHED : TCP_FIN_WAIT1;
  answer.body.idiag_inode = established_ ? 1 : 0;
  answer.body.idiag_uid = ::geteuid();
  std::memcpy(space, &answer, std::min(size, sizeof(answer)));
  return sizeof(answer);
}

// Leaked, as the world.
Network& Network::get() {
  static auto* const network = new Network();
  return *network;
}

void Network::begin(const Weather& weather) {
  weather_ = weather;
  doors_.clear();
  streams_.clear();
  next_port_ = kFirstFreePort;
}

Time Network::latency() { return World::get().dice().between(0, weather_.latency); }

int Network::open_door(const std::shared_ptr<Door>& door) {
  return doors_.emplace(door->port(), door).second ? 0 : EADDRINUSE;
}

std::shared_ptr<Door> Network::door(uint16_t port) const {
  const auto found = doors_.find(port);
  return found == doors_.end() ? nullptr : found->second.lock();
}

bool Network::established(uint16_t here, uint16_t there) const {
  return std::any_of(streams_.begin(), streams_.end(), [&](const auto& weak) {
    const auto stream = weak.lock();
    return stream != nullptr && stream->here() == here && stream->there() == there &&
           stream->established();
  });
}

}  // namespace lp::simulation
