#include "launchpad/net/inproc.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <map>

#include "launchpad/base/event.h"
#include "launchpad/base/guarded.h"
#include "launchpad/net/socket_listener.h"

namespace lp::net {
namespace {

// Connections that wait to be accepted; shared by the listener and those who connect.
struct Door {
  base::Fd signal{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)};
  base::Guarded<std::deque<Socket>> waiting;
};

using Registry = base::Guarded<std::map<std::string, std::shared_ptr<Door>>>;

// Names of this process. Leaked: listeners may outlive static destruction.
Registry& registry() {
  static auto* const registry = new Registry();
  return *registry;
}

class InprocListener : public Listener {
 public:
  InprocListener(Address address, std::shared_ptr<Door> door)
      : address_(std::move(address)), door_(std::move(door)) {}
  // Who still waits to be accepted ends with the door.
  ~InprocListener() override {
    registry().with([&](auto& doors) { doors.erase(address_.name); });
  }

  int fd() const override { return door_->signal.get(); }
  const Address& address() const override { return address_; }
  bool reaches_beyond_host() const override { return false; }

  Result<std::optional<Socket>> accept() override {
    uint64_t one = 0;
    if (::read(door_->signal.get(), &one, sizeof(one)) < 0) return std::optional<Socket>();
    return door_->waiting.with([](auto& waiting) -> std::optional<Socket> {
      if (waiting.empty()) return std::nullopt;
      Socket socket = std::move(waiting.front());
      waiting.pop_front();
      return socket;
    });
  }

 private:
  Address address_;
  std::shared_ptr<Door> door_;
};

}  // namespace

Result<std::unique_ptr<Listener>> listen_inproc(const Address& address) {
  auto door = std::make_shared<Door>();
  if (!door->signal.valid()) return listen_error(address);
  const bool added =
      registry().with([&](auto& doors) { return doors.emplace(address.name, door).second; });
  if (!added) {
    return Error(Code::kAlreadyExists, "another server already listens at '" + address.str() + "'");
  }
  return std::unique_ptr<Listener>(std::make_unique<InprocListener>(address, std::move(door)));
}

Result<Socket> connect_inproc(const Address& address) {
  // Under the registry's lock, so that the door cannot close between finding it and going in.
  return registry().with([&](auto& doors) -> Result<Socket> {
    const auto found = doors.find(address.name);
    if (found == doors.end()) {
      return Error(Code::kNotFound, "no server of this process listens at '" + address.str() + "'");
    }
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      return system_error(Code::kResourceExhausted, "cannot connect to", address);
    }
    Door& door = *found->second;
    door.waiting.with([&](auto& waiting) { waiting.push_back(Socket(base::Fd(ends[1]))); });
    base::set_event(door.signal.get());
    return Socket(base::Fd(ends[0]));
  });
}

}  // namespace lp::net
