#include "launchpad/run/run_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "launchpad/net/address.h"

namespace lp::run {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAlphabet = "abcdefghijkmnpqrstuvwxyz23456789";
constexpr size_t kNameLength = 8;
// A directory gets its name only once its lock is held; until then it is called this.
constexpr std::string_view kUnborn = ".new-";
constexpr const char* kLock = "/lock";
constexpr const char* kMend = "; choose another place with --lp_run_dir or LAUNCHPAD_RUN_DIR";

Error failed(Code code, const std::string& what, const std::string& path) {
  return Error(code, what + " '" + path + "': " + std::strerror(errno) + kMend);
}

std::string random_name() {
  unsigned char bytes[kNameLength] = {};
  if (::getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    for (size_t i = 0; i < kNameLength; ++i) bytes[i] = static_cast<unsigned char>(now >> (8 * i));
  }
  std::string name;
  for (const unsigned char byte : bytes) name += kAlphabet[byte % kAlphabet.size()];
  return name;
}

bool is_own_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid();
}

std::string default_base() {
  if (const char* set = std::getenv("LAUNCHPAD_RUN_DIR"); set != nullptr && *set != 0) return set;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  // After `su` it may be that of another user.
  if (runtime != nullptr && *runtime == '/' && is_own_directory(runtime)) {
    return std::string(runtime) + "/launchpad";
  }
  const char* temporary = std::getenv("TMPDIR");
  if (temporary == nullptr || *temporary != '/') temporary = "/tmp";
  return std::string(temporary) + "/launchpad-" + std::to_string(::geteuid());
}

Status check_length(const std::string& base, size_t tasks) {
  const std::string last = base + "/" + std::string(kNameLength, 'x') + "/" +
                           RunDir::socket_name(tasks == 0 ? 0 : tasks - 1);
  if (last.size() <= net::max_unix_path()) return {};
  return Error(Code::kInvalidArgument,
               "the run directory '" + base + "' is too long: its sockets' paths, such as '" +
                   last + "', would have " + std::to_string(last.size()) +
                   " bytes, a Unix socket's may have " + std::to_string(net::max_unix_path()) +
                   "; choose a shorter one with --lp_run_dir or LAUNCHPAD_RUN_DIR");
}

// Others must be able neither to enter the base that we make nor to rename what is in one that was
// there.
Status make_base(const std::string& base) {
  std::error_code ignored;
  fs::create_directories(fs::path(base).parent_path(), ignored);
  if (::mkdir(base.c_str(), 0700) != 0 && errno != EEXIST) {
    return failed(Code::kPermissionDenied, "cannot make the run directory", base);
  }
  struct stat info {};
  if (::lstat(base.c_str(), &info) != 0) {
    return failed(Code::kPermissionDenied, "cannot use the run directory", base);
  }
  const auto refuse = [&](const std::string& why) {
    return Error(Code::kInvalidArgument, "the run directory '" + base + "' " + why + kMend);
  };
  if (S_ISLNK(info.st_mode)) return refuse("is a symbolic link, which may lead elsewhere later");
  if (!S_ISDIR(info.st_mode)) return refuse("is not a directory");
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return refuse("belongs to user " + std::to_string(info.st_uid));
  }
  const bool others_write = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (others_write && (info.st_mode & S_ISVTX) == 0) return refuse("can be changed by other users");
  return {};
}

bool is_run_name(std::string_view name) {
  if (name.starts_with(kUnborn)) name.remove_prefix(kUnborn.size());
  return name.size() == kNameLength && std::all_of(name.begin(), name.end(), [](char c) {
           return kAlphabet.find(c) != kAlphabet.npos;
         });
}

// A lock that can be had belongs to nobody: its launcher is dead. One that is not there yet tells
// nothing.
void remove_stale(const std::string& base) {
  std::error_code error;
  for (fs::directory_iterator entry(base, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!is_run_name(name)) continue;
    const std::string path = entry->path().string();
    const base::Fd lock(::open((path + kLock).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat info {};
    if (!lock.valid() || ::fstat(lock.get(), &info) != 0 || info.st_uid != ::geteuid()) continue;
    // Whoever makes one has its lock file for a moment before the lock.
    if (name.starts_with(kUnborn) && ::time(nullptr) - info.st_mtime < 60) continue;
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
}

}  // namespace

Result<RunDir> RunDir::make(const std::string& wanted, size_t tasks) {
  std::error_code ignored;
  std::string base = fs::absolute(wanted.empty() ? default_base() : wanted, ignored).string();
  while (base.size() > 1 && base.back() == '/') base.pop_back();
  LP_TRY(check_length(base, tasks));
  LP_TRY(make_base(base));
  remove_stale(base);

  for (int attempt = 0; attempt < 16; ++attempt) {
    const std::string name = random_name();
    const std::string unborn = base + "/" + std::string(kUnborn) + name;
    const std::string path = base + "/" + name;
    if (::mkdir(unborn.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return failed(Code::kPermissionDenied, "cannot make a run directory in", base);
    }
    base::Fd lock(::open((unborn + kLock).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!lock.valid() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      Error error = failed(Code::kPermissionDenied, "cannot lock the run directory", unborn);
      fs::remove_all(unborn, ignored);
      return error;
    }
    if (::rename(unborn.c_str(), path.c_str()) == 0) return RunDir(path, std::move(lock));
    fs::remove_all(unborn, ignored);
  }
  return Error(Code::kPermissionDenied, "cannot make a run directory in '" + base + "'" + kMend);
}

RunDir::~RunDir() {
  if (path_.empty() || !lock_.valid()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Status RunDir::write(const std::string& name, std::string_view content) const {
  const std::string path = path_ + "/" + name;
  const base::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return failed(Code::kPermissionDenied, "cannot make", path);
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(Code::kResourceExhausted, "cannot write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace lp::run
