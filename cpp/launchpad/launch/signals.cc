#include "launchpad/launch/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "launchpad/base/guarded.h"

namespace lp::launching {
namespace {

constexpr std::array kNumbers = {SIGINT, SIGTERM, SIGQUIT};

// Pipes that the handler writes to are never closed, only used again: a handler may be on its way.
struct Slot {
  std::atomic<int> write_end{-1};
  std::atomic<int> listeners{0};  // The handler writes while it is not zero.
  int read_end = -1;
  bool taken = false;
};
std::array<Slot, 64> slots;

struct Handlers {
  int listeners = 0;
  std::array<struct sigaction, kNumbers.size()> before{};
  std::array<bool, kNumbers.size()> ours{};
};
base::Guarded<Handlers>& handlers() {
  static auto* const handlers = new base::Guarded<Handlers>();
  return *handlers;
}

// The process that installed the handlers; a fork of it has them too.
std::atomic<pid_t> owner{0};

void on_signal(int number) {
  const int saved = errno;
  if (::getpid() != owner.load()) {
    // A fork that did not exec: nobody here waits for the run.
    ::signal(number, SIG_DFL);
    ::raise(number);
    return;
  }
  for (Slot& slot : slots) {
    if (slot.listeners.load() == 0) continue;
    const auto byte = static_cast<unsigned char>(number);
    if (::write(slot.write_end.load(), &byte, 1) < 0) {
      // Full: it was told often enough.
    }
  }
  errno = saved;
}

bool is_ours(const struct sigaction& action) { return action.sa_handler == on_signal; }

void install(Handlers& state) {
  owner.store(::getpid());
  for (size_t i = 0; i < kNumbers.size(); ++i) {
    state.ours[i] = false;
    if (::sigaction(kNumbers[i], nullptr, &state.before[i]) != 0) continue;
    if (state.before[i].sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    state.ours[i] = ::sigaction(kNumbers[i], &action, nullptr) == 0;
  }
}

void restore(Handlers& state) {
  for (size_t i = 0; i < kNumbers.size(); ++i) {
    struct sigaction now {};
    // What somebody else has set since then stays.
    if (!state.ours[i] || ::sigaction(kNumbers[i], nullptr, &now) != 0 || !is_ours(now)) continue;
    ::sigaction(kNumbers[i], &state.before[i], nullptr);
  }
}

}  // namespace

Signals::Signals() {
  slot_ = handlers().with([](Handlers&) {
    for (size_t i = 0; i < slots.size(); ++i) {
      Slot& slot = slots[i];
      if (slot.taken) continue;
      if (slot.read_end < 0) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
        slot.read_end = ends[0];
        slot.write_end.store(ends[1]);
      }
      slot.taken = true;
      return static_cast<int>(i);
    }
    return -1;
  });
  while (read_number() != 0) {
    // What came for the run before.
  }
}

Signals::~Signals() {
  if (slot_ >= 0)
    handlers().with([&](Handlers&) { slots[static_cast<size_t>(slot_)].taken = false; });
}

int Signals::fd() const { return slot_ < 0 ? -1 : slots[static_cast<size_t>(slot_)].read_end; }

int Signals::read_number() {
  unsigned char number = 0;
  return slot_ >= 0 && ::read(fd(), &number, 1) == 1 ? number : 0;
}

void Signals::begin() {
  if (slot_ < 0) return;
  handlers().with([&](Handlers& state) {
    ++slots[static_cast<size_t>(slot_)].listeners;
    if (state.listeners++ == 0) install(state);
  });
}

void Signals::end() {
  if (slot_ < 0) return;
  handlers().with([&](Handlers& state) {
    if (--state.listeners == 0) restore(state);
    --slots[static_cast<size_t>(slot_)].listeners;
  });
}

}  // namespace lp::launching
