// How one server's rate grows with its clients, and what an idle connection costs: 1, 2, 4 ... 256
// clients, each a process of its own with one call of 64 B outstanding, or with many. Every answer
// is held against its call. Used by courier.cc and raw.cc, which say how a client connects; forks,
// so it comes before the first thread of its process.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <new>
#include <stdexcept>

#include "measure.h"

namespace bench {

constexpr int kMostClients = 256;
// How long a client may take to begin or to end: one that takes longer waits for a lost answer.
constexpr double kClientPatience = 20;

// Makes a connection and gives what calls through it: the answer to a payload, somehow.
using ClientCall = std::function<std::string(const std::string& payload)>;
using Connect = std::function<ClientCall()>;
// The same for several payloads, which are all on their way at once. False: an answer was another
// call's.
constexpr int kOutstanding = 256;
using Payloads = std::vector<std::string>;
using ClientCalls = std::function<bool(const Payloads& payloads)>;
using ConnectForMany = std::function<ClientCalls()>;

// What all processes see.
struct ClientPage {
  enum Phase : uint32_t { kConnecting, kCalling, kEnd };
  std::atomic<uint32_t> phase{kConnecting};
  std::atomic<uint32_t> connected{0};
  std::atomic<uint32_t> wrong{0};  // Answers that were another call's.
  struct alignas(64) Count {
    std::atomic<uint64_t> calls{0};
  };
  Count counts[kMostClients];

  uint64_t calls() const {
    uint64_t sum = 0;
    for (const Count& count : counts) sum += count.calls.load(std::memory_order_relaxed);
    return sum;
  }
};

// A T in memory that this process shares with those that it forks.
template <class T>
class Shared {
 public:
  Shared() {
    void* memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory that processes share");
    value_ = new (memory) T;
  }
  ~Shared() { munmap(value_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_ = nullptr;
};

// Payloads of 64 B, each another.
class Stamped {
 public:
  explicit Stamped(int client) {
    std::memcpy(payload_.data(), &client, sizeof(client));  // Two clients' never are the same.
  }
  const std::string& next() {
    ++stamp_;
    std::memcpy(payload_.data() + 8, &stamp_, sizeof(stamp_));
    return payload_;
  }

 private:
  std::string payload_ = std::string(kPayload, 'x');
  uint64_t stamp_ = 0;
};

// Calls, so many times as it says; false: an answer was another call's.
struct Round {
  int calls = 1;
  std::function<bool(Stamped&)> run;
};
using ConnectRounds = std::function<Round()>;

inline Round one_call(ClientCall call) {
  return {1, [call = std::move(call)](Stamped& payload) {
            const std::string& sent = payload.next();
            return call(sent) == sent;
          }};
}

inline Round many_calls(ClientCalls call) {
  return {kOutstanding,
          [call = std::move(call), sent = Payloads(kOutstanding)](Stamped& payload) mutable {
            for (std::string& each : sent) each = payload.next();
            return call(sent);
          }};
}

inline void run_client(ClientPage& page, int number, const ConnectRounds& connect) {
  Round round = connect();
  Stamped payload(number);
  const auto check = [&] {
    if (!round.run(payload)) page.wrong.fetch_add(1);
  };
  check();
  page.connected.fetch_add(1);
  while (page.phase.load() == ClientPage::kConnecting) usleep(1000);
  auto& calls = page.counts[number].calls;
  while (page.phase.load(std::memory_order_relaxed) == ClientPage::kCalling) {
    check();
    calls.store(calls.load(std::memory_order_relaxed) + round.calls, std::memory_order_relaxed);
  }
}

inline pid_t fork_client(const std::function<void()>& life) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  int status = 0;
  try {
    life();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "client: %s\n", error.what());
    status = 1;
  }
  std::fflush(stdout);
  _exit(status);  // Without destructors: the connection ends with the process.
}

// As fork_client, and waits for its end; throws if that is not as it should be.
inline void run_in_a_client(const std::function<void()>& life, const char* failure) {
  const pid_t pid = fork_client(life);
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) throw std::runtime_error(failure);
}

// How fast a count grows, per second, measured for so long after half of that.
inline double rate_of(const std::function<uint64_t()>& count, double seconds) {
  usleep(static_cast<useconds_t>(seconds / 2 * 1e6));
  const uint64_t before = count();
  const double start = now();
  usleep(static_cast<useconds_t>(seconds * 1e6));
  const uint64_t counted = count() - before;
  return static_cast<double>(counted) / (now() - start);
}

// Waits until it is so; throws if that takes too long.
inline void await_clients(const std::function<bool()>& so, const char* what) {
  const double limit = now() + kClientPatience;
  while (!so()) {
    if (now() > limit) throw std::runtime_error(what);
    usleep(1000);
  }
}

// Ends its clients, whatever happens.
class ClientProcesses {
 public:
  ClientProcesses(ClientPage& page, int count, const ConnectRounds& connect) {
    for (int i = 0; i < count; ++i) {
      const pid_t pid = fork_client([&] { run_client(page, i, connect); });
      if (pid < 0) throw std::runtime_error("cannot fork a client");
      pids_.push_back(pid);
    }
  }
  ~ClientProcesses() {
    for (const pid_t pid : pids_) kill(pid, SIGKILL);
    for (const pid_t pid : pids_) waitpid(pid, nullptr, 0);
  }
  ClientProcesses(const ClientProcesses&) = delete;
  ClientProcesses& operator=(const ClientProcesses&) = delete;

  // Whether all have ended; throws if one did not do so by itself.
  bool ended() {
    while (!pids_.empty()) {
      int status = 0;
      if (waitpid(pids_.back(), &status, WNOHANG) == 0) return false;
      pids_.pop_back();
      if (status != 0) throw std::runtime_error("a client failed");
    }
    return true;
  }

 private:
  std::vector<pid_t> pids_;
};

inline double client_rate(ClientPage& page, int count, double seconds,
                          const ConnectRounds& connect) {
  ClientProcesses clients(page, count, connect);
  await_clients([&] { return page.connected.load() == static_cast<uint32_t>(count); },
                "a client cannot connect");
  page.phase.store(ClientPage::kCalling);
  const double rate = rate_of([&] { return page.calls(); }, seconds);
  page.phase.store(ClientPage::kEnd);
  await_clients([&] { return clients.ended(); }, "an answer was lost: a client still waits for it");
  if (page.wrong.load() != 0) throw std::runtime_error("an answer was another call's");
  return rate;
}

// Calls per second of so many clients together.
inline void measure_client_rate(const char* name, const char* work, int count,
                                const Options& options, const ConnectRounds& connect) {
  const Shared<ClientPage> page;
  const double rate = client_rate(*page, count, options.seconds / 2, connect);
  emit(name, work, std::to_string(count), rate, "calls/s");
}

// Of 1, 2, 4 ... clients.
inline void measure_rounds(const char* name, const char* work, const Options& options,
                           const ConnectRounds& connect) {
  for (int count = 1; count <= kMostClients; count *= 2)
    measure_client_rate(name, work, count, options, connect);
}

inline void measure_clients(const char* name, const Options& options, const Connect& connect) {
  measure_rounds(name, "clients", options, [&] { return one_call(connect()); });
}

inline void measure_pipelining_clients(const char* name, const Options& options,
                                       const ConnectForMany& connect) {
  measure_rounds(name, "pipelining_clients", options, [&] { return many_calls(connect()); });
}

// KiB of a process's memory, shared pages in proportion to those who share them.
inline double proportional_kib(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string word; file >> word;) {
    double kib = 0;
    if (word == "Pss:" && file >> kib) return kib;
  }
  throw std::runtime_error("cannot read the memory of a process");
}

// KiB that each of 256 idle connections takes in the server's process and in their client's, after
// one call, after many, and after many at once.
inline void measure_connections(const char* name, pid_t server, const ConnectForMany& connect) {
  const auto life = [&] {
    std::vector<ClientCalls> clients;
    const Payloads one(1, std::string(kPayload, 'x'));
    const Payloads many(kOutstanding, one.front());
    connect()(many);  // What the first connection makes for all.
    clients.reserve(kMostClients);
    const double before[] = {proportional_kib(server), proportional_kib(getpid())};
    const auto tell = [&](const char* after) {
      const double now[] = {proportional_kib(server), proportional_kib(getpid())};
      for (int i = 0; i < 2; ++i) {
        const std::string metric = std::string(i == 0 ? "server, after " : "client, after ");
        emit(name, "connection_memory", metric + after, (now[i] - before[i]) / kMostClients, "KiB");
      }
    };
    for (int i = 0; i < kMostClients; ++i) {
      clients.push_back(connect());
      clients.back()(one);
    }
    tell("1 call");
    for (const ClientCalls& client : clients) {
      for (int i = 0; i < 1000; ++i) client(one);
    }
    tell("1,000 calls");
    for (const ClientCalls& client : clients) {
      for (int i = 0; i < 4; ++i) client(many);
    }
    tell("256 at once");
  };
  run_in_a_client(life, "the client of many connections failed");
}

}  // namespace bench
