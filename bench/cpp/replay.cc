// Ours: replay. Prioritized sampling in one process, and a server in a process of its own at a Unix
// socket: inserts, items, samples, priorities of one client. The server is this program started
// again; it ends with its standard input. The twin of contenders/reverb_api.py: the same works.
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "launchpad/replay/checkpoint.h"
#include "launchpad/replay/client.h"
#include "launchpad/replay/server.h"
#include "replay_in_process.h"

namespace bench {
namespace {

constexpr int kSteps = 10;             // Of an item.
constexpr int kItems = 100;            // Made before their writer waits for its last 200.
constexpr int kStored = 1000;          // Items that are sampled.
constexpr const char* kKept = "kept";  // The table whose checkpoints count.

// One step of numbers that do not compress.
class Step {
 public:
  explicit Step(size_t bytes) : values_(bytes / sizeof(float)) {
    std::mt19937 random(1);
    for (float& value : values_) value = std::uniform_real_distribution<float>()(random);
  }
  std::span<const replay::Cell> cells() const { return cells_; }

 private:
  std::vector<float> values_;
  int64_t size_ = static_cast<int64_t>(values_.size());
  replay::Cell cells_[1] = {replay::Cell::of(0, std::span<const float>(values_), size_)};
};

// A step, and the last ones as an item; again and again.
void write_items(replay::TrajectoryWriter& writer, const Step& step, int count) {
  for (int i = 0; i < count; ++i) {
    writer.append(step.cells()).value_or_throw();
    replay::TrajectoryColumn column;
    const uint64_t steps = std::min<uint64_t>(kSteps, writer.length(0));
    for (uint64_t back = steps; back-- > 0;) {
      column.refs.push_back(writer.newest(0, back).value_or_throw());
    }
    writer.create_item("t", 1.0, {&column, 1}).value_or_throw();
  }
  writer.flush(2 * kItems).value_or_throw();
}

void measure_writes(const Options& options, const replay::Client& client, const std::string& work,
                    const Step& step) {
  const replay::Client::Priority priorities[] = {{"t", 1.0}};
  measure_rate(options, work, "insert", 1,
               [&] { client.insert(step.cells(), priorities).value_or_throw(); });
  const auto writer = client.writer({.num_keep_alive_refs = kSteps}).value_or_throw();
  measure_rate(options, work, "items of 10 steps", kItems,
               [&] { write_items(*writer, step, kItems); });
  writer->flush().value_or_throw();
}

// A table of kStored items of one step.
void measure_reads(const Options& options, const replay::Client& client, const std::string& work,
                   const Step& step, size_t bytes) {
  const replay::Client::Priority priorities[] = {{"t", 1.0}};
  client.reset("t").value_or_throw();
  std::vector<replay::PriorityUpdate> updates;
  for (int i = 0; i < kStored; ++i) {
    updates.push_back({client.insert(step.cells(), priorities).value_or_throw()[0], 2.0});
  }
  updates.resize(64);
  measure_rate(options, work, "sample, one at a time", 1,
               [&] { client.sample("t").value_or_throw(); });
  const auto one = client.sampler({.table = "t", .max_in_flight = 2 * kSamples}).value_or_throw();
  measure_rate(options, work, "sample, streamed", 1, [&] { one->next().value_or_throw(); });
  const auto many = client
                        .sampler({.table = "t",
                                  .max_in_flight = 2 * kSamples,
                                  .batch = kSamples,
                                  .min_batch = kSamples})
                        .value_or_throw();
  const double rate = rate_of(options, kSamples, [&] { many->next_batch().value_or_throw(); });
  emit(kReplay, work, "sample, 256 at a time", rate, "items/s");
  emit(kReplay, work + "_bytes", "sample, 256 at a time", rate * double(bytes) / 1e9, "GB/s");
  measure_rate(options, work, "64 priorities", 1,
               [&] { client.mutate_priorities("t", updates).value_or_throw(); });
}

// Items of 10 steps by so many writers at once.
void measure_writers(const Options& options, const replay::Client& client, const Step& step) {
  for (const int count : {1, 4, 16, 64}) {
    client.reset("t").value_or_throw();
    std::atomic<int64_t> items{0};
    std::vector<std::thread> threads;
    const double start = now();
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&] {
        const auto writer = client.writer({.num_keep_alive_refs = kSteps}).value_or_throw();
        for (; now() - start < options.seconds; items += kItems) {
          write_items(*writer, step, kItems);
        }
        writer->flush().value_or_throw();
      });
    }
    for (std::thread& thread : threads) thread.join();
    emit(kReplay, "replay_writers", std::to_string(count) + " writers",
         static_cast<double>(items) / (now() - start), "items/s");
  }
}

double resident_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  double all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// Items of one step each.
void fill(const replay::Client& client, const char* table, const Step& step, int count) {
  const auto writer =
      client.writer({.num_keep_alive_refs = 1, .max_chunk_length = 1}).value_or_throw();
  for (int i = 0; i < count; ++i) {
    writer->append(step.cells()).value_or_throw();
    const replay::TrajectoryColumn column{{writer->newest(0).value_or_throw()}};
    writer->create_item(table, 1.0, {&column, 1}).value_or_throw();
    writer->flush(100).value_or_throw();
  }
  writer->flush().value_or_throw();
}

// How much larger the server's process is for each item of one step.
void measure_memory(const replay::Client& client, const Step& step, pid_t server) {
  constexpr int kCount = 20'000;
  client.reset("t").value_or_throw();
  const double before = resident_bytes(server);
  fill(client, "t", step, kCount);
  emit(kReplay, "replay_memory", "an item of 1 KiB", (resident_bytes(server) - before) / kCount,
       "B");
}

// How long a sample takes, one at a time, while nothing else happens, and while another thread has
// the server write one checkpoint after the other, the first of them of all items. `other` is that
// thread's, as it would be of another node.
void measure_checkpoints(const Options& options, const replay::Client& client,
                         const replay::Client& other, const Step& step) {
  fill(client, kKept, step, options.quick ? 20'000 : 100'000);
  const auto sample = [&] { client.sample(kKept).value_or_throw(); };
  const auto alone = times_of(sample, options.seconds, 100, 100);
  std::atomic<bool> enough{false};
  std::atomic<int> written{0};
  const double start = now();
  double first = 0;
  std::thread writer([&] {
    for (; !enough; ++written) {
      other.checkpoint().value_or_throw();
      if (written == 0) first = now() - start;
    }
  });
  std::vector<double> meanwhile;
  while (now() - start < options.seconds || written < 1) {
    const double before = now();
    sample();
    meanwhile.push_back(now() - before);
  }
  enough = true;
  writer.join();
  const char* work = "replay_checkpoints";
  emit(kReplay, work, "p99", quantile(alone, 0.99) * 1e6, "us");
  emit(kReplay, work, "p99 while they are written", quantile(meanwhile, 0.99) * 1e6, "us");
  emit(kReplay, work, "the first of them", first * 1e3, "ms");
}

void measure_served(const Options& options, const replay::Client& client,
                    const replay::Client& other, pid_t server) {
  const Step small(kKiB), large(28 * kKiB);
  measure_memory(client, small, server);
  measure_writes(options, client, "replay", small);
  measure_reads(options, client, "replay", small, kKiB);
  measure_writers(options, client, small);
  client.reset("t").value_or_throw();
  measure_writes(options, client, "replay_28_kib", large);
  measure_reads(options, client, "replay_28_kib", large, 28 * kKiB);
  client.reset("t").value_or_throw();
  measure_checkpoints(options, client, other, small);
}

int serve(const char* address, const char* folder) {
  replay::TableOptions kept = replay_table(100'000);
  kept.name = kKept;
  const auto table = replay::Table::make(replay_table(20'000)).value_or_throw();
  const auto kept_table = replay::Table::make(kept).value_or_throw();
  replay::Checkpointer checkpointer({.folder = folder});
  replay::Store* store = nullptr;
  const auto server =
      replay::Server::start({table, kept_table}, address,
                            {.checkpoint = [&] { return checkpointer.save(*store); }})
          .value_or_throw();
  store = &server->store();
  char ignored;
  while (read(0, &ignored, 1) > 0) {
  }
  _exit(0);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--serve") == 0) return bench::serve(argv[2], argv[3]);
  const bench::Options options = bench::parse(argc, argv);
  if (!options.has("replay")) return 0;
  const char* temporary = std::getenv("TMPDIR");
  std::string folder = std::string(temporary ? temporary : "/tmp") + "/lp-XXXXXX";
  if (!mkdtemp(folder.data())) return 1;
  const std::string address = "unix:" + folder + "/s", checkpoints = folder + "/checkpoints";
  int fds[2];
  if (pipe(fds) != 0) return 1;
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(fds[0], 0);
    close(fds[0]);
    close(fds[1]);
    execl("/proc/self/exe", argv[0], "--serve", address.c_str(), checkpoints.c_str(), nullptr);
    _exit(127);
  }
  close(fds[0]);
  int status = 0;
  try {
    const auto client = lp::replay::Client::connect(address).value_or_throw();
    const auto other = lp::replay::Client::connect(address).value_or_throw();
    bench::measure_served(options, client, other, pid);
    bench::measure_in_process(options);
    bench::measure_sizes(options);
  } catch (const std::exception& error) {
    bench::emit_error(bench::kReplay, "replay", error.what());
    status = 1;
  }
  close(fds[1]);
  waitpid(pid, nullptr, 0);
  std::filesystem::remove_all(folder);
  return status;
}
