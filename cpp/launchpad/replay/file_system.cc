#include "launchpad/replay/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "launchpad/base/fd.h"

namespace lp::replay {
namespace {

Error failed(const std::string& what, const std::string& path) {
  const int error = errno;
  Code code = Code::kInternal;
  if (error == ENOENT) code = Code::kNotFound;
  if (error == EACCES || error == EPERM || error == EROFS) code = Code::kPermissionDenied;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) code = Code::kResourceExhausted;
  return Error(code, "cannot " + what + " " + path + ": " + std::strerror(error));
}

class RealFile final : public OutputFile {
 public:
  RealFile(base::Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Status append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed("write", path_);
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return {};
  }
  Status sync() override {
    if (::fsync(fd_.get()) != 0) return failed("sync", path_);
    return {};
  }

 private:
  base::Fd fd_;
  std::string path_;
};

class RealFiles final : public FileSystem {
 public:
  Status make_folder(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (!error) return {};
    return Error(Code::kInternal, "cannot make the folder " + path + ": " + error.message());
  }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
      names.push_back(it->path().filename().string());
    }
    if (error) {
      return Error(
          error == std::errc::no_such_file_or_directory ? Code::kNotFound : Code::kInternal,
          "cannot look into the folder " + folder + ": " + error.message());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  Result<std::unique_ptr<OutputFile>> create(const std::string& path) override {
    base::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd.valid()) return failed("create", path);
    return std::unique_ptr<OutputFile>(std::make_unique<RealFile>(std::move(fd), path));
  }
  Result<wire::Buffer> read(const std::string& path) override {
    const base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!fd.valid() || ::fstat(fd.get(), &status) != 0) return failed("read", path);
    auto buffer = wire::Buffer::allocate(static_cast<size_t>(status.st_size));
    size_t at = 0;
    while (at < buffer.size()) {
      const ssize_t count = ::read(fd.get(), buffer.mutable_data() + at, buffer.size() - at);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed("read", path);
      if (count == 0) break;
      at += static_cast<size_t>(count);
    }
    return buffer.first(at);
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from);
    return {};
  }
  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return failed("remove", path);
    return {};
  }
  Status sync_folder(const std::string& path) override {
    const base::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() || ::fsync(fd.get()) != 0) return failed("sync the folder", path);
    return {};
  }
};

}  // namespace

FileSystem& real_files() {
  static RealFiles files;
  return files;
}

}  // namespace lp::replay
