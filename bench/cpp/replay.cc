// Ours: replay. Prioritized sampling in one process, and a server in a process of its own at a Unix
// socket: inserts, items, samples, priorities of one client. The server is this program started
// again; it ends with its standard input.
#include <sys/wait.h>

#include <cstdlib>
#include <random>

#include "launchpad/replay/client.h"
#include "launchpad/replay/server.h"
#include "measure.h"

namespace {

namespace replay = lp::replay;

constexpr const char* kName = "replay-cpp";
constexpr int64_t kBatch = 256;

replay::TableOptions table_options(int64_t max_size) {
  replay::TableOptions options;
  options.name = "t";
  options.sampler = replay::prioritized(0.6);
  options.max_size = max_size;
  return options;
}

// `things` of them in each call, for a while.
template <class Call>
void measure_rate(const bench::Options& options, const std::string& work, const std::string& metric,
                  double things, Call call) {
  const auto times = bench::times_of(call, options.seconds, 10, 3);
  double total = 0;
  for (const double time : times) total += time;
  bench::emit(kName, work, metric, things * static_cast<double>(times.size()) / total, "items/s");
}

void measure_in_process(const bench::Options& options) {
  const int64_t size = options.quick ? 100'000 : 1'000'000;
  const auto table = replay::Table::make(table_options(size)).value_or_throw();
  std::mt19937_64 random(1);
  const auto fill = [&](uint64_t key) {
    replay::ChunkBuilder builder(random(), 1);
    builder.append(0, {lp::DType::kUint64, {}}, std::as_bytes(std::span(&key, 1)));
    const auto chunk = std::move(builder).build().value_or_throw();
    auto layout = lp::replay::make_ref<const replay::Layout>(
        std::vector<replay::ColumnSlices>{{{replay::Slice{0, 0, 0, 1, 1}}, false}});
    auto trajectory = replay::Trajectory::make(std::move(layout), {&chunk, 1}).value_or_throw();
    table->insert({key, 1.0 + static_cast<double>(key % 100), std::move(trajectory), 0})
        .value_or_throw();
  };
  uint64_t key = 0;
  while (key < static_cast<uint64_t>(size)) fill(key++);
  const std::string work = "replay_in_process";
  std::vector<replay::PriorityUpdate> updates(kBatch);
  measure_rate(options, work, "sample + update", kBatch, [&] {
    const auto items = table->sample(kBatch).value_or_throw();
    for (size_t i = 0; i < items.size(); ++i) {
      updates[i] = {items[i].key, 1.0 + static_cast<double>(random() % 100)};
    }
    table->mutate(updates).value_or_throw();
  });
  measure_rate(options, work, "insert, full table", kBatch, [&] {
    for (int64_t i = 0; i < kBatch; ++i) fill(key++);
  });
  const auto info = table->info();
  bench::emit(kName, work, "bytes of an item", double(info.item_bytes) / double(size), "B");
}

void measure_served(const bench::Options& options, const replay::Client& client,
                    const std::string& work, size_t bytes) {
  // Numbers that do not compress.
  std::vector<float> values(bytes / sizeof(float));
  std::mt19937 random(1);
  for (float& value : values) value = std::uniform_real_distribution<float>()(random);
  const auto size = static_cast<int64_t>(values.size());
  const replay::Cell cells[] = {replay::Cell::of(0, std::span<const float>(values), size)};
  const replay::Client::Priority priorities[] = {{"t", 1.0}};
  client.reset("t").value_or_throw();
  measure_rate(options, work, "insert", 1,
               [&] { client.insert(cells, priorities).value_or_throw(); });
  const auto writer = client.writer({.num_keep_alive_refs = 10}).value_or_throw();
  measure_rate(options, work, "items of 10 steps", 100, [&] {
    for (int i = 0; i < 100; ++i) {
      writer->append(cells).value_or_throw();
      replay::TrajectoryColumn column;
      const uint64_t steps = std::min<uint64_t>(10, writer->length(0));
      for (uint64_t back = steps; back-- > 0;) {
        column.refs.push_back(writer->newest(0, back).value_or_throw());
      }
      writer->create_item("t", 1.0, {&column, 1}).value_or_throw();
    }
    writer->flush(200).value_or_throw();
  });
  writer->flush().value_or_throw();
  client.reset("t").value_or_throw();
  std::vector<replay::PriorityUpdate> updates;
  for (int i = 0; i < 1000; ++i) {
    updates.push_back({client.insert(cells, priorities).value_or_throw()[0], 2.0});
  }
  updates.resize(64);
  measure_rate(options, work, "sample, one at a time", 1,
               [&] { client.sample("t").value_or_throw(); });
  measure_rate(options, work, "sample, 256 at a time", kBatch, [&] {
    client.sample("t", {.count = kBatch, .min_count = kBatch}).value_or_throw();
  });
  const auto sampler = client.sampler({.table = "t", .max_in_flight = 2 * kBatch}).value_or_throw();
  measure_rate(options, work, "sample, streamed", 1, [&] { sampler->next().value_or_throw(); });
  measure_rate(options, work, "64 priorities", 1,
               [&] { client.mutate_priorities("t", updates).value_or_throw(); });
}

int serve(const char* address) {
  const auto table = replay::Table::make(table_options(100'000)).value_or_throw();
  const auto server = replay::Server::start({table}, address).value_or_throw();
  char ignored;
  while (read(0, &ignored, 1) > 0) {
  }
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--serve") == 0) return serve(argv[2]);
  const bench::Options options = bench::parse(argc, argv);
  if (!options.has("replay")) return 0;
  const char* temporary = std::getenv("TMPDIR");
  std::string folder = std::string(temporary ? temporary : "/tmp") + "/lp-XXXXXX";
  if (!mkdtemp(folder.data())) return 1;
  const std::string address = "unix:" + folder + "/s";
  int fds[2];
  if (pipe(fds) != 0) return 1;
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(fds[0], 0);
    close(fds[0]);
    close(fds[1]);
    execl("/proc/self/exe", argv[0], "--serve", address.c_str(), nullptr);
    _exit(127);
  }
  close(fds[0]);
  int status = 0;
  try {
    const auto client = replay::Client::connect(address).value_or_throw();
    measure_served(options, client, "replay", bench::kKiB);
    measure_served(options, client, "replay_28_kib", 28 * bench::kKiB);
    measure_in_process(options);
  } catch (const std::exception& error) {
    bench::emit_error(kName, "replay", error.what());
    status = 1;
  }
  close(fds[1]);
  waitpid(pid, nullptr, 0);
  unlink((folder + "/s").c_str());
  rmdir(folder.c_str());
  return status;
}
