#include "launchpad/replay/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <unordered_map>

#include "launchpad/base/background.h"
#include "launchpad/base/log.h"
#include "launchpad/base/rng.h"
#include "launchpad/replay/key_map.h"
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
void drop(ChunkPlaces& places, base::Pace& pace) {
  while (!places.empty()) {
    pace.breathe();
    places.erase(places.begin());
  }
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
  // What the store holds at one moment.
  struct Moment {
    std::vector<WriterState> writers;
    std::vector<TableInfo> infos;
    std::vector<Table::Snapshot> snapshots;
  };
  Result<std::string> write(Moment moment, base::Pace& pace);
  Manifest describe(Moment moment, std::vector<ChunkRef>& chunks, base::Pace& pace) const;
  // Where each chunk is kept, now that those that were not are written, into `segment`.
  Status place(Manifest& manifest, const std::vector<ChunkRef>& chunks, uint64_t segment,
               base::Pace& pace);
  Status write_segment(uint64_t segment, const std::vector<const Chunk*>& chunks, base::Pace& pace);
  Status write_whole(const std::string& name, std::string_view bytes, base::Pace& pace);
  void drop_worn_segments(const Manifest& manifest, base::Pace& pace);
  // Null: it cannot be read.
  const Segments* segments_of(const std::string& name, base::Pace& pace);
  size_t first_to_keep(const std::vector<std::string>& manifests) const;
  void clean(base::Pace& pace);

  const CheckpointOptions options_;
  FileSystem& files_;
  ChunkPlaces places_;                    // Of the last checkpoint in the folder.
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
                                    base::Pace& pace) const {
  Manifest manifest;
  manifest.writers = std::move(moment.writers);
  auto& snapshots = moment.snapshots;
  KeyMap numbers(base::unique_seed());  // Of the chunks, by address.
  for (size_t i = 0; i < snapshots.size(); ++i) {
    snapshots[i].sort(pace);
    SavedTable table;
    table.info = std::move(moment.infos[i]);
    table.info.counts = snapshots[i].counts;
    table.info.num_deleted_episodes = snapshots[i].num_deleted_episodes;
    table.info.num_unique_samples = snapshots[i].num_unique_samples;
    table.items.reserve(snapshots[i].items.size());
    for (const Item& item : snapshots[i].items) {
      pace.breathe();
      SavedItem saved{item.key, item.priority, item.times_sampled, item.trajectory->layout(), {}};
      for (const ChunkRef& chunk : item.trajectory->chunks()) {
        const auto address = reinterpret_cast<uint64_t>(chunk.get());
        const Slot* known = numbers.find(address);
        saved.chunks.push_back(known ? *known : static_cast<Slot>(chunks.size()));
        if (known != nullptr) continue;
        numbers[address] = static_cast<Slot>(chunks.size());
        chunks.push_back(chunk);
      }
      table.items.push_back(std::move(saved));
    }
    drop(snapshots[i].items, pace);
    manifest.tables.push_back(std::move(table));
  }
  manifest.chunks.reserve(chunks.size());
  for (const ChunkRef& chunk : chunks) {
    pace.breathe();
    manifest.chunks.emplace_back(identity_of(*chunk), ChunkPlace());
  }
  return manifest;
}

// Chunks in segments of which little is used any more are written again, elsewhere.
void CheckpointerCore::drop_worn_segments(const Manifest& manifest, base::Pace& pace) {
  std::unordered_map<uint64_t, uint64_t> used;
  for (const auto& [identity, place] : manifest.chunks) {
    pace.breathe();
    const auto found = places_.find(identity);
    if (found != places_.end()) used[found->second.segment] += found->second.size;
  }
  std::erase_if(places_, [&](const auto& entry) {
    pace.breathe();
    const uint64_t segment = entry.second.segment;
    const auto in_use = static_cast<double>(used[segment]);
    return in_use < kWorthKeeping * static_cast<double>(written_[segment]);
  });
}

Status CheckpointerCore::write_segment(uint64_t segment, const std::vector<const Chunk*>& chunks,
                                       base::Pace& pace) {
  LP_TRY_ASSIGN(auto file, files_.create(path(segment_name(segment))));
  std::string bytes(kSegmentMagic);
  uint64_t written = 0;
  for (const Chunk* chunk : chunks) {
    pace.breathe();
    const size_t start = bytes.size();
    append_record(*chunk, bytes);
    places_[identity_of(*chunk)] = {segment, written + start, bytes.size() - start};
    if (bytes.size() < kWriteBytes) continue;
    LP_TRY(file->append(bytes));
    written += bytes.size();
    bytes.clear();
  }
  LP_TRY(file->append(bytes));
  written_[segment] = written + bytes.size();
  return file->sync();
}

Status CheckpointerCore::place(Manifest& manifest, const std::vector<ChunkRef>& chunks,
                               uint64_t segment, base::Pace& pace) {
  drop_worn_segments(manifest, pace);
  std::vector<const Chunk*> missing;
  for (size_t i = 0; i < chunks.size(); ++i) {
    pace.breathe();
    const ChunkPlace unknown{segment, 0, 0};
    if (places_.try_emplace(manifest.chunks[i].first, unknown).second) {
      missing.push_back(chunks[i].get());
    }
  }
  if (!missing.empty()) LP_TRY(write_segment(segment, missing, pace));
  for (auto& [identity, place] : manifest.chunks) {
    pace.breathe();
    place = places_.at(identity);
  }
  return {};
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
  Manifest manifest = describe(std::move(moment), chunks, pace);
  const uint64_t number = before.empty() ? 1 : number_of(before.back()) + 1;
  const std::string name = manifest_name(number);
  const uint64_t segment = base::unique_seed();
  const auto write_files = [&]() -> Status {
    LP_TRY(place(manifest, chunks, segment, pace));
    return write_whole(name, encode(manifest, pace), pace);
  };
  const Status written = write_files();
  if (!written.ok()) {
    // What was written of it is not relied upon.
    std::erase_if(places_, [&](const auto& entry) { return entry.second.segment == segment; });
    written_.erase(segment);
    return written.error();
  }
  ChunkPlaces kept;
  kept.reserve(manifest.chunks.size());
  for (const auto& [identity, place] : manifest.chunks) {
    pace.breathe();
    kept.emplace(identity, place);
  }
  places_.swap(kept);
  drop(kept, pace);
  segments_of_[name] = segments_in(manifest, pace);
  clean(pace);
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
    for (const SavedItem& item : table.items) {
      for (const uint32_t chunk : item.chunks) {
        if (chunk >= loaded.chunks.size()) return Error(Code::kDataLoss, "an item has no chunk");
      }
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
    for (const SavedItem& item : saved.items) {
      std::vector<ChunkRef> chunks;
      for (const uint32_t chunk : item.chunks) chunks.push_back(loaded.chunks[chunk]);
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
  places_.clear();
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
      ChunkPlaces places;
      if (folder == options_.folder) {
        for (const auto& [identity, place] : loaded.value().manifest.chunks) {
          places.emplace(identity, place);
          written_[place.segment] = std::max(written_[place.segment], place.offset + place.size);
        }
        base::Pace restless = base::Pace::restless();
        segments_of_[names.back()] = segments_in(loaded.value().manifest, restless);
      }
      LP_TRY(fill(store, std::move(loaded).value()));
      places_ = std::move(places);
      return std::optional<std::string>(folder + "/" + names.back());
    }
  }
  return std::optional<std::string>();
}

Checkpointer::Checkpointer(CheckpointOptions options, FileSystem& files)
    : core_(std::make_unique<CheckpointerCore>(std::move(options), files)) {}
Checkpointer::~Checkpointer() = default;
Result<std::string> Checkpointer::save(Store& store, Haste haste) {
  return core_->save(store, haste);
}
Result<std::optional<std::string>> Checkpointer::load(Store& store) { return core_->load(store); }

}  // namespace lp::replay
