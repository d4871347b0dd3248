// FileSystem is what checkpoints need of files, so that tests can fail each step of it. Paths are
// the system's. Shared; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/base/result.h"
#include "launchpad/wire/buffer.h"

namespace lp::replay {

// A file that is being written, from its start. Closed with its last owner; one thread.
class OutputFile {
 public:
  virtual ~OutputFile() = default;
  virtual Status append(std::string_view bytes) = 0;
  // Until it returns, nothing is sure to survive a crash.
  virtual Status sync() = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // With its parents; fine if it is there.
  virtual Status make_folder(const std::string& path) = 0;
  // Names, sorted. NOT_FOUND: no such folder.
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  // Replaces a file of that name.
  virtual Result<std::unique_ptr<OutputFile>> create(const std::string& path) = 0;
  // All of it. NOT_FOUND: no such file.
  virtual Result<wire::Buffer> read(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  // So that names created or renamed in it survive a crash.
  virtual Status sync_folder(const std::string& path) = 0;
};

// The process's own.
FileSystem& real_files();

}  // namespace lp::replay
