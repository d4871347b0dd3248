#include "simulation/files.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "launchpad/base/check.h"

namespace lp::simulation {
namespace {

// Waits of which one is ended by a signal.
constexpr uint64_t kInterruptOneIn = 256;

ssize_t fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

ssize_t File::read(void*, size_t) { return fail(EINVAL); }
ssize_t File::write(const void*, size_t) { return fail(EINVAL); }

void File::changed() {
  for (Poller* const poller : pollers_) poller->note(this);
  World::get().wake(this);
}

ssize_t EventFile::read(void* space, size_t) {
  if (count_ == 0) return fail(EAGAIN);
  const uint64_t taken = semaphore_ ? 1 : count_;
  count_ -= taken;
  std::memcpy(space, &taken, sizeof(taken));
  return sizeof(taken);
}

ssize_t EventFile::write(const void* bytes, size_t) {
  uint64_t more = 0;
  std::memcpy(&more, bytes, sizeof(more));
  count_ += more;
  changed();
  return sizeof(more);
}

ssize_t TimerFile::read(void* space, size_t) {
  if (expirations_ == 0) return fail(EAGAIN);
  std::memcpy(space, &expirations_, sizeof(expirations_));
  expirations_ = 0;
  return sizeof(expirations_);
}

void TimerFile::set(Time delay) {
  expirations_ = 0;
  const uint64_t setting = ++setting_;
  if (delay == 0) return;
  World& world = World::get();
  world.at(world.now() + delay, [weak = weak_from_this(), setting] {
    const auto self = std::static_pointer_cast<TimerFile>(weak.lock());
    if (self == nullptr || self->setting_ != setting) return;
    ++self->expirations_;
    self->changed();
  });
}

void Poller::closed() {
  for (const Watched& watched : watched_) std::erase(watched.file->pollers_, this);
  watched_.clear();
}

void Poller::note(const File* file) {
  for (Watched& watched : watched_) {
    if (watched.file == file) watched.pending = true;
  }
  World::get().wake(this);
}

void Poller::forget(const File* file) {
  std::erase_if(watched_, [&](const Watched& watched) { return watched.file == file; });
}

int Poller::control(int operation, int fd, const std::shared_ptr<File>& file,
                    const epoll_event* event) {
  const auto found = std::find_if(watched_.begin(), watched_.end(),
                                  [&](const Watched& watched) { return watched.fd == fd; });
  if ((operation == EPOLL_CTL_ADD) != (found == watched_.end()))
    return static_cast<int>(fail(operation == EPOLL_CTL_ADD ? EEXIST : ENOENT));
  if (operation == EPOLL_CTL_DEL) {
    std::erase(found->file->pollers_, this);
    watched_.erase(found);
    return 0;
  }
  if (operation == EPOLL_CTL_ADD) {
    watched_.push_back({fd, file.get(), *event, true});
    file->pollers_.push_back(this);
  } else {
    found->event = *event;
    found->pending = true;
  }
  World::get().wake(this);
  return 0;
}

int Poller::wait(epoll_event* event, std::optional<Time> until) {
  World& world = World::get();
  const auto happened = [](const Watched& watched) {
    return watched.pending
               ? watched.file->ready() & (watched.event.events | EPOLLERR | EPOLLHUP) & 0xffffu
               : 0u;
  };
  while (true) {
    auto chosen = world.dice().below(static_cast<uint64_t>(std::count_if(
        watched_.begin(), watched_.end(), [&](const Watched& one) { return happened(one) != 0; })));
    for (Watched& watched : watched_) {
      const uint32_t events = happened(watched);
      if (events == 0 || chosen-- > 0) continue;
      if ((watched.event.events & EPOLLET) != 0) watched.pending = false;
      event->events = events;
      event->data = watched.event.data;
      world.tell("poller tells %x of %d", events, watched.fd - Descriptors::kFirst);
      return 1;
    }
    if (world.dice().one_in(kInterruptOneIn)) return static_cast<int>(fail(EINTR));
    if (!world.wait(this, until, "an event of its descriptors")) return 0;
  }
}

// Leaked, as the world.
Descriptors& Descriptors::get() {
  static auto* const descriptors = [] {
    auto* const made = new Descriptors();
    made->files_.reserve(kMost);  // A schedule shall leave as much memory as it found.
    return made;
  }();
  return *descriptors;
}

int Descriptors::add(std::shared_ptr<File> file) {
  const auto free = std::find(files_.begin(), files_.end(), nullptr);
  const auto index = free - files_.begin();
  LP_CHECK(index < static_cast<ptrdiff_t>(kMost)) << "too many descriptors";
  if (free == files_.end())
    files_.push_back(std::move(file));
  else
    *free = std::move(file);
  return kFirst + static_cast<int>(index);
}

std::shared_ptr<File> Descriptors::at(int fd) const {
  const auto index = static_cast<size_t>(fd - kFirst);
  if (fd >= kFirst && index < files_.size() && files_[index] != nullptr) return files_[index];
  errno = EBADF;
  return nullptr;
}

void Descriptors::replace(int fd, std::shared_ptr<File> file) {
  files_[static_cast<size_t>(fd - kFirst)] = std::move(file);
}

int Descriptors::close(int fd) {
  const auto file = at(fd);
  if (file == nullptr) return -1;
  files_[static_cast<size_t>(fd - kFirst)] = nullptr;
  for (Poller* const poller : file->pollers_) poller->forget(file.get());
  file->pollers_.clear();
  file->closed();
  return 0;
}

size_t Descriptors::open() const {
  return files_.size() - static_cast<size_t>(std::count(files_.begin(), files_.end(), nullptr));
}

int poll_one(File& file, short events, short& happened, std::optional<Time> until) {
  World& world = World::get();
  while (true) {
    happened =
        static_cast<short>(file.ready() & (static_cast<uint32_t>(events) | EPOLLERR | EPOLLHUP));
    if (happened != 0) return 1;
    if (until && *until <= world.now()) return 0;
    if (world.dice().one_in(kInterruptOneIn)) return static_cast<int>(fail(EINTR));
    if (!world.wait(&file, until, "a descriptor")) return 0;
  }
}

}  // namespace lp::simulation
