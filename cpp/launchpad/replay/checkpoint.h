// Checkpointer keeps a store's state in a folder: chunks in segment files, each chunk written once,
// and for each checkpoint a manifest of all items that names them. Written while the store serves;
// synced, then renamed into place, so a kill at any moment leaves the one before. Files that it did
// not write are never touched. Owned by whoever owns the store; one save or load at a time, any
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "launchpad/replay/file_system.h"
#include "launchpad/replay/store.h"

namespace lp::replay {

struct CheckpointOptions {
  std::string folder{};
  // If `folder` has no checkpoint, that of this folder is loaded; it is never written to.
  std::string fallback_folder{};
  // Complete checkpoints that stay, at least 1; one that was found damaged is none of them.
  int keep = 2;
};

// How a checkpoint is written.
enum class Haste {
  kGivesWay,  // In short bursts by a thread of low priority: those whom the store serves hardly
              // wait.
  kAtOnce,    // As fast as this machine can: nobody is served any more.
};

class CheckpointerCore;

class Checkpointer {
 public:
  explicit Checkpointer(CheckpointOptions options, FileSystem& files = real_files());
  ~Checkpointer();

  // Writes what the store holds now: all tables at one moment. Gives the manifest's path.
  // INTERNAL or RESOURCE_EXHAUSTED with the system's words: it could not be written; the one before
  // stays.
  Result<std::string> save(Store& store, Haste haste = Haste::kGivesWay);
  // Fills the store's tables from the newest checkpoint that is whole; those that are not are
  // warned of. None: there is none. INVALID_ARGUMENT: it has a table that the store has not.
  Result<std::optional<std::string>> load(Store& store);

 private:
  std::unique_ptr<CheckpointerCore> core_;
};

}  // namespace lp::replay
