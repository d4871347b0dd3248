#include "launchpad/shm/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lp::shm {
namespace {

Error no_memory(const char* step, size_t capacity) {
  return Error(Code::kResourceExhausted, "no shared memory of " + std::to_string(capacity) +
                                             " bytes: " + step + ": " + std::strerror(errno));
}

}  // namespace

// Leaked: segments may outlive static destruction.
Segment::Known& Segment::known() {
  static auto* const known = new Known();
  return *known;
}

Result<Segment::Identity> Segment::identify(int fd, size_t capacity) {
  struct stat file {};
  if (::fstat(fd, &file) != 0 || file.st_size < 0 ||
      static_cast<uint64_t>(file.st_size) < capacity) {
    return Error(Code::kInvalidArgument, "a shared segment is smaller than was said");
  }
  return Identity{file.st_dev, file.st_ino};
}

Segment::Segment(base::Fd fd, Identity identity, std::byte* data, size_t capacity, bool writable)
    : fd_(std::move(fd)),
      identity_(identity),
      data_(data),
      capacity_(capacity),
      writable_(writable) {}

Segment::~Segment() {
  known().with([&](auto& segments) {
    const auto found = segments.find(identity_);
    // Another object may stand for the same memory by now.
    if (found != segments.end() && found->second.expired()) segments.erase(found);
  });
  ::munmap(data_, capacity_);
}

Result<std::shared_ptr<Segment>> Segment::map(base::Fd fd, Identity identity, size_t capacity,
                                              bool writable) {
  const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* const memory = ::mmap(nullptr, capacity, access, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return no_memory("mmap", capacity);
  // Where the system offers huge pages for shared memory; it rarely does.
  ::madvise(memory, capacity, MADV_HUGEPAGE);
  auto segment = std::shared_ptr<Segment>(
      new Segment(std::move(fd), identity, static_cast<std::byte*>(memory), capacity, writable));
  known().with([&](auto& segments) { segments[identity] = segment; });
  return segment;
}

Result<std::shared_ptr<Segment>> Segment::create(size_t capacity) {
  base::Fd fd(::memfd_create("launchpad", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return no_memory("memfd_create", capacity);
  if (::ftruncate(fd.get(), static_cast<off_t>(capacity)) != 0) {
    return no_memory("ftruncate", capacity);
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return no_memory("sealing", capacity);
  }
  LP_TRY_ASSIGN(const Identity identity, identify(fd.get(), capacity));
  return map(std::move(fd), identity, capacity, true);
}

Result<std::shared_ptr<Segment>> Segment::open(base::Fd fd, size_t capacity) {
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (capacity == 0 || seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return Error(Code::kInvalidArgument, "a peer sent a descriptor that is no shared segment");
  }
  LP_TRY_ASSIGN(const Identity identity, identify(fd.get(), capacity));
  auto found = known().with([&](auto& segments) {
    const auto at = segments.find(identity);
    return at == segments.end() ? nullptr : at->second.lock();
  });
  if (found != nullptr && found->capacity() >= capacity) return found;
  return map(std::move(fd), identity, capacity, false);
}

bool Segment::make_writable() {
  if (writable()) return true;
  if (::mprotect(data_, capacity_, PROT_READ | PROT_WRITE) != 0) return false;
  writable_.store(true, std::memory_order_release);
  return true;
}

void Segment::close_descriptor() {
  known().with([&](auto&) { fd_.reset(); });
}

void Segment::discard_pages() {
  ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
              static_cast<off_t>(capacity_));
}

}  // namespace lp::shm
