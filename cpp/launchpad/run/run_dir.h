// RunDir is the directory of one run: sockets, payloads and the roster, for this user alone (mode
// 0700). The launcher makes and owns it; its end removes it with all that is in it. A lock that the
// launcher holds says that it lives: directories of launchers that were killed are removed when the
// next one is made. One thread.
#pragma once

#include <string>
#include <vector>

#include "launchpad/base/fd.h"
#include "launchpad/base/result.h"

namespace lp::run {

class RunDir {
 public:
  // In `base`, or where it is empty in LAUNCHPAD_RUN_DIR, XDG_RUNTIME_DIR/launchpad or the
  // temporary folder's launchpad-<uid>. INVALID_ARGUMENT if the socket of one of `tasks` tasks
  // would have too long a path or if others could change what is in the base; PERMISSION_DENIED if
  // it cannot be made.
  static Result<RunDir> make(const std::string& base, size_t tasks);

  RunDir(RunDir&&) noexcept = default;
  RunDir& operator=(RunDir&&) = delete;
  ~RunDir();

  const std::string& path() const { return path_; }
  std::string socket_path(size_t task) const { return path_ + "/" + socket_name(task); }
  static std::string socket_name(size_t task) { return std::to_string(task) + ".sock"; }
  static std::string payload_name(size_t task) { return std::to_string(task) + ".payload"; }

  // Makes a file, mode 0600.
  Status write(const std::string& name, std::string_view content) const;

 private:
  RunDir(std::string path, base::Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  base::Fd lock_;
};

}  // namespace lp::run
