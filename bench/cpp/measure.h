// What every C++ contender shares: the options on its command line, the timing loop, and the JSON
// lines that run.py reads. The twin of works.py: the same works, sizes, warm-up and statistics. It
// starts no process.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace bench {

constexpr size_t kKiB = 1024, kMiB = 1024 * 1024;
constexpr size_t kPayload = 64;
constexpr int kBatch = 1000;
constexpr int kStream = 10 * kBatch;

struct Size {
  const char* label;
  size_t bytes;
  bool quick;
};
constexpr Size kSizes[] = {{"1 KiB", kKiB, true},
                           {"64 KiB", 64 * kKiB, false},
                           {"1 MiB", kMiB, true},
                           {"16 MiB", 16 * kMiB, true},
                           {"100 MiB", 100 * kMiB, false}};

inline double now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

struct Options {
  bool quick = false;
  double seconds = 0.8;
  std::string works = "sync,pipelined,stream,echo,send,launch";
  std::vector<int> cores;  // None: not pinned; one: all processes on it; two: client, server.

  std::string suffix() const {
    return cores.empty() ? "" : cores.size() == 1 ? "_one_core" : "_two_cores";
  }

  bool has(const char* work) const {
    return ("," + works + ",").find("," + std::string(work) + ",") != std::string::npos;
  }
  std::vector<Size> sizes() const {
    std::vector<Size> result;
    for (const Size& size : kSizes) {
      if (!quick || size.quick) result.push_back(size);
    }
    return result;
  }
  std::vector<int> nodes() const {
    return quick ? std::vector<int>{1, 4} : std::vector<int>{1, 2, 4, 8, 16, 32};
  }
};

inline std::string nodes_text(int nodes) {
  return std::to_string(nodes) + (nodes == 1 ? " node" : " nodes");
}

// Puts the calling thread, and what it starts from now on, on a core.
inline void use_core(int core) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  sched_setaffinity(0, sizeof(one), &one);
}

// Puts all threads of this process on a core.
inline void pin_process(int core) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    sched_setaffinity(std::stoi(task.path().filename()), sizeof(one), &one);
  }
}

// For a server's process, which inherited its client's core.
inline void use_server_core(const Options& options) {
  if (!options.cores.empty()) use_core(options.cores.back());
}

inline Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--quick") {
      options.quick = true;
      options.seconds = 0.2;
    } else if (argument == "--cores" && i + 1 < argc) {
      std::istringstream list(argv[++i]);
      for (std::string core; std::getline(list, core, ',');) {
        options.cores.push_back(std::stoi(core));
      }
    } else if (argument == "--works" && i + 1 < argc) {
      options.works = argv[++i];
    }
  }
  if (!options.cores.empty()) use_core(options.cores.front());
  return options;
}

inline void emit(const char* contender, const std::string& work, const std::string& metric,
                 double value, const char* unit) {
  std::printf(
      "{\"contender\": \"%s\", \"work\": \"%s\", \"metric\": \"%s\", \"value\": %.9g, "
      "\"unit\": \"%s\"}\n",
      contender, work.c_str(), metric.c_str(), value, unit);
  std::fflush(stdout);
}

inline void emit_error(const char* contender, const std::string& work, std::string error) {
  std::replace_if(
      error.begin(), error.end(), [](char c) { return c == '"' || c == '\\' || c < ' '; }, ' ');
  std::printf("{\"contender\": \"%s\", \"work\": \"%s\", \"error\": \"%s\"}\n", contender,
              work.c_str(), error.substr(0, 200).c_str());
  std::fflush(stdout);
}

// The value below which `fraction` of the values lie (nearest rank).
inline double quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(fraction * values.size()))];
}

// Seconds of each call, for about `seconds`, after `warm_up` calls (at most as long again).
template <class Call>
std::vector<double> times_of(Call call, double seconds, int warm_up, size_t at_least) {
  const double deadline = now() + seconds;
  for (int i = 0; i < warm_up; ++i) {
    call();
    if (now() > deadline) break;
  }
  std::vector<double> times;
  const double start = now();
  while (now() - start < seconds || times.size() < at_least) {
    const double before = now();
    call();
    times.push_back(now() - before);
  }
  return times;
}

template <class Call>
void measure_sync(const char* contender, const Options& options, const std::string& work,
                  Call call) {
  const auto times = times_of(call, options.seconds, 500, 20);
  emit(contender, work + options.suffix(), "p50", quantile(times, 0.5) * 1e6, "us");
  emit(contender, work + options.suffix(), "p99", quantile(times, 0.99) * 1e6, "us");
}

// `batch` issues kBatch calls before it waits for the first.
template <class Batch>
void measure_pipelined(const char* contender, const Options& options, Batch batch) {
  const auto times = times_of(batch, options.seconds, 3, 3);
  emit(contender, "pipelined", "calls", kBatch / quantile(times, 0.5), "calls/s");
}

// `take` takes kStream results of one call, and returns how many arrived whole.
template <class Take>
void measure_stream(const char* contender, const Options& options, Take take) {
  int taken = kStream;
  const auto times = times_of([&] { taken = std::min<int>(taken, take()); }, options.seconds, 1, 3);
  if (taken != kStream) return emit_error(contender, "stream", "results are missing");
  emit(contender, "stream", "results", kStream / quantile(times, 0.5), "items/s");
}

// `call(stamp)` moves one array of `bytes` whose first float is `stamp`, and gives the answer's
// stamp back.
template <class Call>
bool measure_array(const char* contender, const Options& options, const std::string& work,
                   const Size& size, Call call) {
  float stamp = 0;
  bool right = true;
  const auto times = times_of(
      [&] {
        stamp += 1;
        right = right && call(stamp) == stamp;
      },
      options.seconds / 2, 2, 3);
  if (!right) {
    emit_error(contender, work, "the answer belongs to another call");
    return false;
  }
  const double moved = static_cast<double>(size.bytes) * (work.starts_with("echo") ? 2 : 1);
  emit(contender, work, size.label, moved / quantile(times, 0.5) / 1e9, "GB/s");
  return true;
}

}  // namespace bench
