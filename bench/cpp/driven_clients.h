// How one server's rate grows with its clients where these are all in one process: 1, 2, 4 ... 256,
// with one call of 64 B outstanding each, made by two threads. Every answer is held against its
// call. Used by courier.cc and raw.cc; forks, as clients.h.
#pragma once

#include <algorithm>
#include <thread>

#include "clients.h"

namespace bench {

// A call in two steps: sends a payload; waits for the answer.
struct SplitCall {
  std::function<void(const std::string& payload)> begin;
  std::function<std::string()> end;
};
using ConnectSplit = std::function<SplitCall()>;

// One of `threads` threads: begins a call of each of its clients, then ends them, again and again.
inline void drive_clients(std::vector<SplitCall>& clients, size_t first, size_t threads,
                          const std::atomic<bool>& enough, std::atomic<uint64_t>& calls) {
  Stamped payload(static_cast<int>(first));
  Payloads sent(clients.size());
  while (!enough.load(std::memory_order_relaxed)) {
    uint64_t answered = 0;
    for (size_t i = first; i < clients.size(); i += threads)
      clients[i].begin(sent[i] = payload.next());
    for (size_t i = first; i < clients.size(); i += threads, ++answered) {
      if (clients[i].end() != sent[i]) throw std::runtime_error("an answer was another call's");
    }
    calls.fetch_add(answered, std::memory_order_relaxed);
  }
}

// Calls per second of 1, 2, 4 ... clients of one process with a call outstanding each: two threads
// make them.
inline void measure_driven_clients(const char* name, const Options& options,
                                   const ConnectSplit& connect) {
  constexpr size_t kThreads = 2;
  const auto life = [&] {
    for (int count = 1; count <= kMostClients; count *= 2) {
      std::vector<SplitCall> clients;
      for (int i = 0; i < count; ++i) clients.push_back(connect());
      std::atomic<bool> enough{false};
      std::atomic<uint64_t> calls{0};
      std::vector<std::thread> threads;
      for (size_t i = 0; i < std::min<size_t>(kThreads, clients.size()); ++i)
        threads.emplace_back([&, i] { drive_clients(clients, i, kThreads, enough, calls); });
      const double rate = rate_of([&] { return calls.load(); }, options.seconds / 2);
      enough = true;
      for (std::thread& thread : threads) thread.join();
      emit(name, "driven_clients", std::to_string(count), rate, "calls/s");
    }
  };
  run_in_a_client(life, "the process of all clients failed");
}

}  // namespace bench
