#include "launchpad/replay/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "launchpad/base/background.h"
#include "launchpad/base/log.h"
#include "launchpad/base/rng.h"
#include "launchpad/replay/manifest.h"

namespace lp::replay {
namespace {

constexpr std::string_view kManifest = "checkpoint-";  // checkpoint-00000000000000000012.lpr
constexpr std::string_view kEnding = ".lpr";
constexpr std::string_view kUnfinished = ".unfinished";
// Of a file, written by one call: it takes microseconds.
constexpr size_t kWriteBytes = size_t{1} << 14;
// A segment is kept while at least this part of it is in use.
constexpr double kWorthKeeping = 0.5;

// The part of a name between its fixed beginning and end; empty: it is another's.
std::string_view middle(std::string_view name, std::string_view begin, std::string_view end) {
  if (!name.starts_with(begin) || !name.ends_with(end)) return {};
  if (name.size() <= begin.size() + end.size()) return {};
  return name.substr(begin.size(), name.size() - begin.size() - end.size());
}

bool all_of(std::string_view text, std::string_view allowed, size_t size) {
  return text.size() == size && text.find_first_not_of(allowed) == std::string_view::npos;
}
bool is_manifest(std::string_view name) {
  return all_of(middle(name, kManifest, kEnding), "0123456789", 20);
}

std::string manifest_name(uint64_t number) {
  char digits[24];
  std::snprintf(digits, sizeof(digits), "%020llu", static_cast<unsigned long long>(number));
  return std::string(kManifest) + digits + std::string(kEnding);
}
uint64_t number_of(std::string_view name) {
  return std::strtoull(std::string(middle(name, kManifest, kEnding)).c_str(), nullptr, 10);
}

void warn(const std::string& text) { base::log(base::LogLevel::kWarning, text); }

std::string_view text_of(const wire::Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

// Frees what may be much, piece by piece.
template <class T>
void drop(std::vector<T>& values, base::Pace& pace) {
  for (; !values.empty(); values.pop_back()) pace.breathe();
}

using Segments = std::set<uint64_t>;

Segments segments_in(const Manifest& manifest, base::Pace& pace) {
  Segments segments;
  for (const auto& [identity, place] : manifest.chunks) {
    pace.breathe();
    if (segments.empty() || place.segment != *segments.rbegin()) segments.insert(place.segment);
  }
  return segments;
}

// What a load brings, before any of it is given to the store.
struct Loaded {
  Manifest manifest;
  std::vector<ChunkRef> chunks;
};

}  // namespace

class CheckpointerCore {
 public:
  CheckpointerCore(CheckpointOptions options, FileSystem& files)
      : options_(std::move(options)), files_(files) {}

  Result<std::string> save(Store& store, Haste haste);
  Result<std::optional<std::string>> load(Store& store);

 private:
  std::string path(std::string_view name) const {
    return options_.folder + "/" + std::string(name);
  }
  Result<std::vector<std::string>> manifests(const std::string& folder) const;
  Result<Loaded> read(const std::string& folder, const std::string& name) const;
  Status fill(Store& store, Loaded loaded) const;
  void remember(std::vector<PlacedChunk> placed);
  // What the store holds at one moment.
  struct Moment {
    std::vector<WriterState> writers;
    std::vector<TableInfo> infos;
    std::vector<Table::Snapshot> snapshots;
  };
  Result<std::string> write(Moment moment, base::Pace& pace);
  // The chunks of a checkpoint, and their numbers.
  struct Placed {
    std::vector<PlacedChunk> chunks{};
    ChunkNumbers numbers{};
  };
  Manifest describe(Moment moment, std::vector<ChunkRef>& chunks, ChunkNumbers& numbers,
                    base::Pace& pace) const;
  // Where each chunk is kept, now that those that were not are written, into `segment`.
  Status place(std::vector<PlacedChunk>& placed, const std::vector<ChunkRef>& chunks,
               uint64_t segment, base::Pace& pace);
  // How many of them lie nowhere yet.
  size_t find_places(std::vector<PlacedChunk>& placed, base::Pace& pace) const;
  Status write_segment(std::vector<PlacedChunk>& placed, const std::vector<ChunkRef>& chunks,
                       uint64_t segment, base::Pace& pace);
  Status write_whole(const std::string& name, std::string_view bytes, base::Pace& pace);
  // Null: it cannot be read.
  const Segments* segments_of(const std::string& name, base::Pace& pace);
  size_t first_to_keep(const std::vector<std::string>& manifests) const;
  void clean(base::Pace& pace);

  const CheckpointOptions options_;
  FileSystem& files_;
  Placed last_;                           // Of the last checkpoint in the folder.
  std::map<uint64_t, uint64_t> written_;  // Bytes of each segment, as far as known.
  // What each manifest in the folder uses, as far as known.
  std::map<std::string, Segments> segments_of_;
  std::set<std::string> damaged_;  // Manifests in the folder that could not be loaded.
};

Result<std::vector<std::string>> CheckpointerCore::manifests(const std::string& folder) const {
  auto names = files_.list(folder);
  if (!names.ok() && names.error().code == Code::kNotFound) return std::vector<std::string>();
  if (!names.ok()) return names.error();
  std::erase_if(names.value(), [](const std::string& name) { return !is_manifest(name); });
  return names;
}

// ---- Saving.

Manifest CheckpointerCore::describe(Moment moment, std::vector<ChunkRef>& chunks,
                                    ChunkNumbers& numbers, base::Pace& pace) const {
  Manifest manifest;
  manifest.writers = std::move(moment.writers);
  auto& snapshots = moment.snapshots;
  size_t expected = 0;
  for (const Table::Snapshot& snapshot : snapshots) expected += snapshot.items.size();
  numbers = ChunkNumbers(expected);
  manifest.chunks.reserve(expected);
  chunks.reserve(expected);
  for (size_t i = 0; i < snapshots.size(); ++i) {
    snapshots[i].sort(pace);
    SavedTable table;
    table.info = std::move(moment.infos[i]);
    table.info.counts = snapshots[i].counts;
    table.info.num_deleted_episodes = snapshots[i].num_deleted_episodes;
    table.info.num_unique_samples = snapshots[i].num_unique_samples;
    table.items.reserve(snapshots[i].items.size());
    table.chunks.reserve(snapshots[i].items.size());
    for (const Item& item : snapshots[i].items) {
      pace.breathe();
      const auto own = item.trajectory->chunks();
      table.items.push_back({item.key, item.priority, item.times_sampled, item.trajectory->layout(),
                             static_cast<uint32_t>(own.size())});
      for (const ChunkRef& chunk : own) {
        const ChunkIdentity identity = identity_of(*chunk);
        const auto known = numbers.find(identity, manifest.chunks);
        const auto number = known.value_or(static_cast<uint32_t>(chunks.size()));
        table.chunks.push_back(number);
        if (known) continue;
        numbers.add(identity, number);
        manifest.chunks.emplace_back(identity, ChunkPlace());
        chunks.push_back(chunk);
      }
    }
    drop(snapshots[i].items, pace);
    manifest.tables.push_back(std::move(table));
  }
  return manifest;
}

// Of the chunks that lie in a segment worth keeping; those of which little is used any more go, and
// what is left of them is written again.
size_t CheckpointerCore::find_places(std::vector<PlacedChunk>& placed, base::Pace& pace) const {
  std::map<uint64_t, uint64_t> used;
  for (auto& [identity, place] : placed) {
    pace.breathe();
    const auto number = last_.numbers.find(identity, last_.chunks);
    if (!number) continue;
    place = last_.chunks[*number].second;
    used[place.segment] += place.size;
  }
  size_t missing = 0;
  for (auto& [identity, place] : placed) {
    pace.breathe();
    if (place.size > 0) {
      const auto all = static_cast<double>(written_.at(place.segment));
      if (static_cast<double>(used[place.segment]) < kWorthKeeping * all) place = ChunkPlace();
    }
    missing += place.size == 0 ? 1 : 0;
  }
  return missing;
}

Status CheckpointerCore::write_segment(std::vector<PlacedChunk>& placed,
                                       const std::vector<ChunkRef>& chunks, uint64_t segment,
                                       base::Pace& pace) {
  LP_TRY_ASSIGN(auto file, files_.create(path(segment_name(segment))));
  wire::Body bytes(kSegmentMagic);
  uint64_t written = 0;
  for (size_t i = 0; i < placed.size(); ++i) {
    pace.breathe();
    if (placed[i].second.size > 0) continue;
    const size_t start = bytes.size();
    append_record(*chunks[i], bytes);
    placed[i].second = {segment, written + start, bytes.size() - start};
    if (bytes.size() < kWriteBytes) continue;
    LP_TRY(file->append(bytes));
    written += bytes.size();
    bytes.clear();
  }
  LP_TRY(file->append(bytes));
  written_[segment] = written + bytes.size();
  return file->sync();
}

Status CheckpointerCore::place(std::vector<PlacedChunk>& placed,
                               const std::vector<ChunkRef>& chunks, uint64_t segment,
                               base::Pace& pace) {
  if (find_places(placed, pace) == 0) return {};
  return write_segment(placed, chunks, segment, pace);
}

Status CheckpointerCore::write_whole(const std::string& name, std::string_view bytes,
                                     base::Pace& pace) {
  const std::string unfinished = path(name) + std::string(kUnfinished);
  {
    LP_TRY_ASSIGN(auto file, files_.create(unfinished));
    for (; !bytes.empty(); bytes.remove_prefix(std::min(kWriteBytes, bytes.size()))) {
      pace.breathe();
      LP_TRY(file->append(bytes.substr(0, kWriteBytes)));
    }
    LP_TRY(file->sync());
  }
  LP_TRY(files_.rename(unfinished, path(name)));
  return files_.sync_folder(options_.folder);
}

// The tables' locks are held by a thread like any other, so that no one waits long for them; the
// rest, for which nobody waits, is done by one that gives way to those who serve.
Result<std::string> CheckpointerCore::save(Store& store, Haste haste) {
  // The writers first: see Store::writers.
  Moment moment{store.writers(), {}, {}};
  for (const auto& table : store.tables()) moment.infos.push_back(table->info());
  moment.snapshots = Table::snapshot_all(store.tables());
  if (haste == Haste::kAtOnce) {
    base::Pace restless = base::Pace::restless();
    return write(std::move(moment), restless);
  }
  return base::in_background([&](base::Pace& pace) { return write(std::move(moment), pace); });
}

Result<std::string> CheckpointerCore::write(Moment moment, base::Pace& pace) {
  LP_TRY(files_.make_folder(options_.folder));
  LP_TRY_ASSIGN(const auto before, manifests(options_.folder));
  std::vector<ChunkRef> chunks;
  ChunkNumbers numbers;
  Manifest manifest = describe(std::move(moment), chunks, numbers, pace);
  const uint64_t number = before.empty() ? 1 : number_of(before.back()) + 1;
  const std::string name = manifest_name(number);
  const uint64_t segment = base::unique_seed();
  const auto write_files = [&]() -> Status {
    LP_TRY(place(manifest.chunks, chunks, segment, pace));
    return write_whole(name, encode(manifest, pace), pace);
  };
  const Status written = write_files();
  if (!written.ok()) {
    // What was written of it is not relied upon.
    written_.erase(segment);
    return written.error();
  }
  segments_of_[name] = segments_in(manifest, pace);
  clean(pace);
  last_ = {std::move(manifest.chunks), std::move(numbers)};
  for (SavedTable& table : manifest.tables) drop(table.items, pace);
  drop(chunks, pace);
  return path(name);
}

const Segments* CheckpointerCore::segments_of(const std::string& name, base::Pace& pace) {
  auto known = segments_of_.find(name);
  if (known == segments_of_.end()) {
    const auto bytes = files_.read(path(name));
    if (!bytes.ok()) return nullptr;
    const auto manifest = decode_manifest(text_of(bytes.value()));
    if (!manifest.ok()) return nullptr;
    known = segments_of_.emplace(name, segments_in(manifest.value(), pace)).first;
  }
  return &known->second;
}

// Of the manifests in their order: those before it can go. Damaged ones among the others stay with
// them: what was wrong may have been the reading.
size_t CheckpointerCore::first_to_keep(const std::vector<std::string>& manifests) const {
  auto left = static_cast<size_t>(std::max(options_.keep, 1));
  size_t first = manifests.size();
  while (first > 0 && left > 0) {
    if (!damaged_.contains(manifests[--first])) --left;
  }
  return first;
}

// Removes checkpoints beyond those to keep, and segments that none uses. Files of others stay; what
// cannot be removed stays, too.
void CheckpointerCore::clean(base::Pace& pace) {
  auto names = files_.list(options_.folder);
  if (!names.ok()) return;
  std::vector<std::string> manifests;
  for (const std::string& name : names.value()) {
    if (is_manifest(name)) manifests.push_back(name);
  }
  const size_t first_kept = first_to_keep(manifests);
  Segments used;
  for (size_t i = 0; i < manifests.size(); ++i) {
    if (i < first_kept) {
      (void)files_.remove(path(manifests[i]));
      segments_of_.erase(manifests[i]);
      damaged_.erase(manifests[i]);
      continue;
    }
    const auto* segments = segments_of(manifests[i], pace);
    // Of one that cannot be read it is not known what it uses: nothing is removed then.
    if (segments == nullptr) return;
    used.insert(segments->begin(), segments->end());
  }
  for (const std::string& name : names.value()) {
    const auto segment = segment_number(name);
    const bool left_over = segment && !used.contains(*segment);
    const bool unfinished =
        name.ends_with(kUnfinished) &&
        is_manifest(std::string_view(name).substr(0, name.size() - kUnfinished.size()));
    if (left_over || unfinished) (void)files_.remove(path(name));
    if (left_over) written_.erase(*segment);
  }
}

// ---- Loading.

Result<Loaded> CheckpointerCore::read(const std::string& folder, const std::string& name) const {
  LP_TRY_ASSIGN(const wire::Buffer bytes, files_.read(folder + "/" + name));
  Loaded loaded;
  LP_TRY_ASSIGN(loaded.manifest, decode_manifest(text_of(bytes)));
  std::map<uint64_t, wire::Buffer> segments;
  LayoutCache cache;
  for (const auto& [identity, place] : loaded.manifest.chunks) {
    if (!segments.contains(place.segment)) {
      LP_TRY_ASSIGN(segments[place.segment],
                    files_.read(folder + "/" + segment_name(place.segment)));
    }
    LP_TRY_ASSIGN(ChunkRef chunk, decode_record(segments[place.segment], place, cache));
    if (identity_of(*chunk) != identity) return Error(Code::kDataLoss, "a chunk is another one");
    loaded.chunks.push_back(std::move(chunk));
  }
  for (const SavedTable& table : loaded.manifest.tables) {
    for (const uint32_t chunk : table.chunks) {
      if (chunk >= loaded.chunks.size()) return Error(Code::kDataLoss, "an item has no chunk");
    }
  }
  return loaded;
}

Status CheckpointerCore::fill(Store& store, Loaded loaded) const {
  std::string available;
  for (const auto& table : store.tables()) {
    available += (available.empty() ? "'" : ", '") + table->name() + "'";
  }
  std::vector<std::pair<std::shared_ptr<Table>, Table::Snapshot>> snapshots;
  for (const SavedTable& saved : loaded.manifest.tables) {
    const auto table = store.table(saved.info.name);
    if (table == nullptr) {
      return Error(Code::kInvalidArgument,
                   "Trying to load table '" + saved.info.name +
                       "' but table was not found in provided list of tables. Available tables: [" +
                       available + "]");
    }
    Table::Snapshot snapshot{
        {}, saved.info.counts, saved.info.num_deleted_episodes, saved.info.num_unique_samples};
    std::span<const uint32_t> numbers(saved.chunks);
    for (const SavedItem& item : saved.items) {
      std::vector<ChunkRef> chunks;
      for (const uint32_t n : numbers.first(item.chunks)) chunks.push_back(loaded.chunks[n]);
      numbers = numbers.subspan(item.chunks);
      LP_TRY_ASSIGN(TrajectoryRef trajectory, Trajectory::make(item.layout, chunks));
      snapshot.items.push_back(
          {item.key, item.priority, std::move(trajectory), item.times_sampled});
    }
    const TableOptions& now = table->options();
    if (now.sampler != saved.info.sampler || now.remover != saved.info.remover ||
        now.max_size != saved.info.max_size || now.rate_limiter != saved.info.rate_limiter ||
        now.max_times_sampled != saved.info.max_times_sampled) {
      warn("table '" + saved.info.name +
           "' was saved with other options than it has now; those of now hold");
    }
    snapshots.emplace_back(table, std::move(snapshot));
  }
  for (auto& [table, snapshot] : snapshots) LP_TRY(table->restore(std::move(snapshot)));
  store.restore_writers(loaded.manifest.writers);
  return {};
}

Result<std::optional<std::string>> CheckpointerCore::load(Store& store) {
  last_ = {};
  for (const std::string& folder : {options_.folder, options_.fallback_folder}) {
    if (folder.empty()) continue;
    LP_TRY_ASSIGN(auto names, manifests(folder));
    for (; !names.empty(); names.pop_back()) {
      auto loaded = read(folder, names.back());
      if (!loaded.ok()) {
        warn("the checkpoint " + folder + "/" + names.back() + " cannot be used: " +
             loaded.error().message + (names.size() > 1 ? "; trying the one before" : ""));
        if (folder == options_.folder) damaged_.insert(names.back());
        continue;
      }
      std::vector<PlacedChunk> placed;
      if (folder == options_.folder) {
        base::Pace restless = base::Pace::restless();
        segments_of_[names.back()] = segments_in(loaded.value().manifest, restless);
        placed = loaded.value().manifest.chunks;
      }
      LP_TRY(fill(store, std::move(loaded).value()));
      remember(std::move(placed));
      return std::optional<std::string>(folder + "/" + names.back());
    }
  }
  return std::optional<std::string>();
}

// Segments are known as far as the chunks that were found in them.
void CheckpointerCore::remember(std::vector<PlacedChunk> placed) {
  const size_t size = placed.size();
  last_ = {std::move(placed), ChunkNumbers(size)};
  for (uint32_t i = 0; i < last_.chunks.size(); ++i) {
    const auto& [identity, place] = last_.chunks[i];
    last_.numbers.add(identity, i);
    written_[place.segment] = std::max(written_[place.segment], place.offset + place.size);
  }
}

Checkpointer::Checkpointer(CheckpointOptions options, FileSystem& files)
    : core_(std::make_unique<CheckpointerCore>(std::move(options), files)) {}
Checkpointer::~Checkpointer() = default;
Result<std::string> Checkpointer::save(Store& store, Haste haste) {
  return core_->save(store, haste);
}
Result<std::optional<std::string>> Checkpointer::load(Store& store) { return core_->load(store); }

}  // namespace lp::replay
