// The least that clients in processes of their own cost who wait for one call each: a server of one
// thread that never sleeps looks at a word of shared memory for each of them, and wakes who has
// asked. Nothing else is done: what is measured is how fast the kernel switches between so many
// processes. Used by raw.cc; forks, as clients.h.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>

#include "clients.h"

namespace bench {

inline void futex(std::atomic<uint32_t>* word, int operation, uint32_t value) {
  syscall(SYS_futex, word, operation, value, nullptr, nullptr, 0);
}

// Waits without spinning until the word is `value`.
inline void await_futex(std::atomic<uint32_t>* word, uint32_t value) {
  for (uint32_t seen = word->load(); seen != value; seen = word->load()) {
    futex(word, FUTEX_WAIT, seen);
  }
}

// What the server and all clients see.
struct FutexPage {
  struct alignas(64) Line {
    std::atomic<uint32_t> asked{0};                 // How often,
    char payload[kPayload];                         // and with what,
    alignas(64) std::atomic<uint32_t> answered{0};  // and how many of these are answered.
  };
  std::atomic<uint32_t> taken{0};  // Lines that are some client's.
  Line lines[kMostClients];
};

[[noreturn]] inline void serve_futexes(FutexPage& page, int clients) {
  for (uint32_t asked = 0;;) {
    for (FutexPage::Line* line = page.lines; line != page.lines + clients; ++line) {
      asked = line->asked.load(std::memory_order_acquire);
      if (asked == line->answered.load(std::memory_order_relaxed)) continue;
      line->answered.store(asked);
      futex(&line->answered, FUTEX_WAKE, 1);
    }
  }
}

inline ClientCall connect_to_futexes(FutexPage& page) {
  return [line = &page.lines[page.taken.fetch_add(1)]](const std::string& sent) {
    std::memcpy(line->payload, sent.data(), sizeof(line->payload));
    const uint32_t number = line->asked.load(std::memory_order_relaxed) + 1;
    line->asked.store(number);
    await_futex(&line->answered, number);
    return std::string(line->payload, sizeof(line->payload));
  };
}

// Calls per second of 1, 2, 4 ... clients together.
inline void measure_futex_clients(const char* name, const Options& options) {
  for (int count = 1; count <= kMostClients; count *= 2) {
    const Shared<FutexPage> page;
    const pid_t server = fork_client([&] { serve_futexes(*page, count); });
    if (server < 0) throw std::runtime_error("cannot fork a server");
    measure_client_rate(name, "futex_clients", count, options,
                        [&] { return one_call(connect_to_futexes(*page)); });
    kill(server, SIGKILL);
    waitpid(server, nullptr, 0);
  }
}

}  // namespace bench
