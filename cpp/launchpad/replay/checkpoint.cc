#include "launchpad/replay/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "launchpad/base/guarded.h"
#include "launchpad/base/log.h"
#include "launchpad/base/rng.h"
#include "launchpad/replay/manifest.h"

namespace lp::replay {
namespace {

constexpr std::string_view kManifest = "checkpoint-";  // checkpoint-00000000000000000012.lpr
constexpr std::string_view kSegment = "chunks-";       // chunks-0123456789abcdef.lpr
constexpr std::string_view kEnding = ".lpr";
constexpr std::string_view kUnfinished = ".unfinished";
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
bool is_segment(std::string_view name) {
  return all_of(middle(name, kSegment, kEnding), "0123456789abcdef", 16);
}

std::string manifest_name(uint64_t number) {
  char digits[24];
  std::snprintf(digits, sizeof(digits), "%020llu", static_cast<unsigned long long>(number));
  return std::string(kManifest) + digits + std::string(kEnding);
}
uint64_t number_of(std::string_view name) {
  return std::strtoull(std::string(middle(name, kManifest, kEnding)).c_str(), nullptr, 10);
}

std::string new_segment_name() {
  char digits[24];
  std::snprintf(digits, sizeof(digits), "%016llx",
                static_cast<unsigned long long>(base::unique_seed()));
  return std::string(kSegment) + digits + std::string(kEnding);
}

void warn(const std::string& text) { base::log(base::LogLevel::kWarning, text); }

std::string_view text_of(const wire::Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

std::set<std::string> segments_in(const Manifest& manifest) {
  std::set<std::string> segments;
  for (const auto& [identity, place] : manifest.chunks) segments.insert(place.segment);
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

  Result<std::string> save(Store& store);
  Result<std::optional<std::string>> load(Store& store);

 private:
  std::string path(std::string_view name) const {
    return options_.folder + "/" + std::string(name);
  }
  Result<std::vector<std::string>> manifests(const std::string& folder) const;
  Result<Loaded> read(const std::string& folder, const std::string& name) const;
  Status fill(Store& store, Loaded loaded) const;
  Manifest describe(Store& store, std::vector<ChunkRef>& chunks) const;
  // Where each chunk is kept, now that those that were not are written, into `segment`.
  Status place(Manifest& manifest, const std::vector<ChunkRef>& chunks, const std::string& segment);
  Status write_segment(const std::string& name, const std::vector<const Chunk*>& chunks);
  Status write_whole(const std::string& name, const std::string& bytes);
  void drop_worn_segments(const Manifest& manifest);
  // Null: it cannot be read.
  const std::set<std::string>* segments_of(const std::string& name);
  void clean();

  const CheckpointOptions options_;
  FileSystem& files_;
  ChunkPlaces places_;                       // Of the last checkpoint in the folder.
  std::map<std::string, uint64_t> written_;  // Bytes of each segment, as far as known.
  // What each manifest in the folder uses, as far as known.
  std::map<std::string, std::set<std::string>> segments_of_;
};

Result<std::vector<std::string>> CheckpointerCore::manifests(const std::string& folder) const {
  auto names = files_.list(folder);
  if (!names.ok() && names.error().code == Code::kNotFound) return std::vector<std::string>();
  if (!names.ok()) return names.error();
  std::erase_if(names.value(), [](const std::string& name) { return !is_manifest(name); });
  return names;
}

// ---- Saving.

Manifest CheckpointerCore::describe(Store& store, std::vector<ChunkRef>& chunks) const {
  Manifest manifest;
  manifest.writers = store.writers();
  const auto snapshots = Table::snapshot_all(store.tables());
  std::map<const Chunk*, uint32_t> numbers;
  for (size_t i = 0; i < snapshots.size(); ++i) {
    SavedTable table;
    table.info = store.tables()[i]->info();
    table.info.counts = snapshots[i].counts;
    table.info.num_deleted_episodes = snapshots[i].num_deleted_episodes;
    table.info.num_unique_samples = snapshots[i].num_unique_samples;
    for (const Item& item : snapshots[i].items) {
      SavedItem saved{item.key, item.priority, item.times_sampled, item.trajectory->layout(), {}};
      for (const ChunkRef& chunk : item.trajectory->chunks()) {
        const auto [number, added] = numbers.try_emplace(chunk.get(), chunks.size());
        if (added) chunks.push_back(chunk);
        saved.chunks.push_back(number->second);
      }
      table.items.push_back(std::move(saved));
    }
    manifest.tables.push_back(std::move(table));
  }
  for (const ChunkRef& chunk : chunks)
    manifest.chunks.emplace_back(identity_of(*chunk), ChunkPlace());
  return manifest;
}

// Chunks in segments of which little is used any more are written again, elsewhere.
void CheckpointerCore::drop_worn_segments(const Manifest& manifest) {
  std::map<std::string, uint64_t> used;
  for (const auto& [identity, place] : manifest.chunks) {
    const auto found = places_.find(identity);
    if (found != places_.end()) used[found->second.segment] += found->second.size;
  }
  std::erase_if(places_, [&](const auto& entry) {
    const std::string& segment = entry.second.segment;
    const auto in_use = static_cast<double>(used[segment]);
    return in_use < kWorthKeeping * static_cast<double>(written_[segment]);
  });
}

Status CheckpointerCore::write_segment(const std::string& name,
                                       const std::vector<const Chunk*>& chunks) {
  LP_TRY_ASSIGN(auto file, files_.create(path(name)));
  LP_TRY(file->append(kSegmentMagic));
  uint64_t offset = kSegmentMagic.size();
  for (const Chunk* chunk : chunks) {
    const std::string record = encode_record(*chunk);
    LP_TRY(file->append(record));
    places_.insert_or_assign(identity_of(*chunk), ChunkPlace{name, offset, record.size()});
    offset += record.size();
  }
  written_[name] = offset;
  return file->sync();
}

Status CheckpointerCore::place(Manifest& manifest, const std::vector<ChunkRef>& chunks,
                               const std::string& segment) {
  drop_worn_segments(manifest);
  std::vector<const Chunk*> missing;
  std::set<ChunkIdentity> listed;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const ChunkIdentity& identity = manifest.chunks[i].first;
    if (!places_.contains(identity) && listed.insert(identity).second) {
      missing.push_back(chunks[i].get());
    }
  }
  if (!missing.empty()) LP_TRY(write_segment(segment, missing));
  for (auto& [identity, place] : manifest.chunks) place = places_.at(identity);
  return {};
}

Status CheckpointerCore::write_whole(const std::string& name, const std::string& bytes) {
  const std::string unfinished = path(name) + std::string(kUnfinished);
  {
    LP_TRY_ASSIGN(auto file, files_.create(unfinished));
    LP_TRY(file->append(bytes));
    LP_TRY(file->sync());
  }
  LP_TRY(files_.rename(unfinished, path(name)));
  return files_.sync_folder(options_.folder);
}

Result<std::string> CheckpointerCore::save(Store& store) {
  LP_TRY(files_.make_folder(options_.folder));
  LP_TRY_ASSIGN(const auto before, manifests(options_.folder));
  std::vector<ChunkRef> chunks;
  Manifest manifest = describe(store, chunks);
  const uint64_t number = before.empty() ? 1 : number_of(before.back()) + 1;
  const std::string name = manifest_name(number);
  const std::string segment = new_segment_name();
  const auto write = [&]() -> Status {
    LP_TRY(place(manifest, chunks, segment));
    return write_whole(name, encode(manifest));
  };
  const Status written = write();
  if (!written.ok()) {
    // What was written of it is not relied upon.
    std::erase_if(places_, [&](const auto& entry) { return entry.second.segment == segment; });
    written_.erase(segment);
    return written.error();
  }
  ChunkPlaces kept;
  for (const auto& [identity, place] : manifest.chunks) kept.emplace(identity, place);
  places_ = std::move(kept);
  segments_of_[name] = segments_in(manifest);
  clean();
  return path(name);
}

const std::set<std::string>* CheckpointerCore::segments_of(const std::string& name) {
  auto known = segments_of_.find(name);
  if (known == segments_of_.end()) {
    const auto bytes = files_.read(path(name));
    if (!bytes.ok()) return nullptr;
    const auto manifest = decode_manifest(text_of(bytes.value()));
    if (!manifest.ok()) return nullptr;
    known = segments_of_.emplace(name, segments_in(manifest.value())).first;
  }
  return &known->second;
}

// Removes checkpoints beyond those to keep, and segments that none uses. Files of others stay; what
// cannot be removed stays, too.
void CheckpointerCore::clean() {
  auto names = files_.list(options_.folder);
  if (!names.ok()) return;
  std::vector<std::string> manifests;
  for (const std::string& name : names.value()) {
    if (is_manifest(name)) manifests.push_back(name);
  }
  const auto keep = static_cast<size_t>(std::max(options_.keep, 1));
  std::set<std::string> used;
  for (size_t i = 0; i < manifests.size(); ++i) {
    if (i + keep < manifests.size()) {
      (void)files_.remove(path(manifests[i]));
      segments_of_.erase(manifests[i]);
      continue;
    }
    const auto* segments = segments_of(manifests[i]);
    // Of one that cannot be read it is not known what it uses: nothing is removed then.
    if (segments == nullptr) return;
    used.insert(segments->begin(), segments->end());
  }
  for (const std::string& name : names.value()) {
    const bool left_over = is_segment(name) && !used.contains(name);
    const bool unfinished =
        name.ends_with(kUnfinished) &&
        is_manifest(std::string_view(name).substr(0, name.size() - kUnfinished.size()));
    if (left_over || unfinished) (void)files_.remove(path(name));
    if (left_over) written_.erase(name);
  }
}

// ---- Loading.

Result<Loaded> CheckpointerCore::read(const std::string& folder, const std::string& name) const {
  LP_TRY_ASSIGN(const wire::Buffer bytes, files_.read(folder + "/" + name));
  Loaded loaded;
  LP_TRY_ASSIGN(loaded.manifest, decode_manifest(text_of(bytes)));
  std::map<std::string, wire::Buffer> segments;
  LayoutCache cache;
  for (const auto& [identity, place] : loaded.manifest.chunks) {
    if (!segments.contains(place.segment)) {
      if (!is_segment(place.segment)) return Error(Code::kDataLoss, "a segment has a bad name");
      LP_TRY_ASSIGN(segments[place.segment], files_.read(folder + "/" + place.segment));
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
        continue;
      }
      ChunkPlaces places;
      if (folder == options_.folder) {
        for (const auto& [identity, place] : loaded.value().manifest.chunks) {
          places.emplace(identity, place);
          written_[place.segment] = std::max(written_[place.segment], place.offset + place.size);
        }
        segments_of_[names.back()] = segments_in(loaded.value().manifest);
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
Result<std::string> Checkpointer::save(Store& store) { return core_->save(store); }
Result<std::optional<std::string>> Checkpointer::load(Store& store) { return core_->load(store); }

}  // namespace lp::replay
