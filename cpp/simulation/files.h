// Files are what descriptors stand for in the simulated world, and how threads wait for them:
// events, timers and pollers, as eventfd(2), timerfd_create(2), epoll(7) and ppoll(2) say. Sockets
// are in sockets.h. Belongs to the world.
#pragma once

#include <sys/epoll.h>
#include <sys/types.h>

#include <memory>
#include <vector>

#include "simulation/world.h"

namespace lp::simulation {

class Poller;

class File : public std::enable_shared_from_this<File> {
 public:
  virtual ~File() = default;

  // Which of EPOLLIN and so on hold now.
  virtual uint32_t ready() const = 0;
  // As the system calls, errno included.
  virtual ssize_t read(void* space, size_t size);
  virtual ssize_t write(const void* bytes, size_t size);
  // Its descriptor was closed.
  virtual void closed() {}

 protected:
  // Something happened that pollers, and who waits here, want to know.
  void changed();

 private:
  std::vector<Poller*> pollers_;
  friend class Poller;
  friend class Descriptors;
};

class EventFile : public File {
 public:
  EventFile(uint64_t count, bool semaphore) : count_(count), semaphore_(semaphore) {}
  uint32_t ready() const override { return EPOLLOUT | (count_ > 0 ? EPOLLIN : 0u); }
  ssize_t read(void* space, size_t size) override;
  ssize_t write(const void* bytes, size_t size) override;

 private:
  uint64_t count_;
  const bool semaphore_;
};

class TimerFile : public File {
 public:
  uint32_t ready() const override { return expirations_ > 0 ? EPOLLIN : 0u; }
  ssize_t read(void* space, size_t size) override;
  // Once, after the delay; 0: not at all.
  void set(Time delay);
  void closed() override { ++setting_; }

 private:
  uint64_t expirations_ = 0;
  uint64_t setting_ = 0;  // Which one counts: the last.
};

class Poller : public File {
 public:
  uint32_t ready() const override { return 0; }
  void closed() override;
  int control(int operation, int fd, const std::shared_ptr<File>& file, const epoll_event* event);
  // One event at most. 0: the time was over.
  int wait(epoll_event* event, std::optional<Time> until);

 private:
  struct Watched {
    int fd;
    File* file;
    epoll_event event;
    bool pending;
  };
  void note(const File* file);
  void forget(const File* file);

  std::vector<Watched> watched_;
  friend class File;
  friend class Descriptors;
};

// The descriptors of the simulated world. Their numbers are above those of the real one.
class Descriptors {
 public:
  static constexpr int kFirst = 1 << 20;
  static constexpr size_t kMost = 1024;
  static Descriptors& get();
  static bool is_one(int fd) { return fd >= kFirst; }

  int add(std::shared_ptr<File> file);
  // Null with EBADF if there is none.
  std::shared_ptr<File> at(int fd) const;
  template <class T>
  std::shared_ptr<T> as(int fd) const {
    return std::dynamic_pointer_cast<T>(at(fd));
  }
  // Another file under the same number.
  void replace(int fd, std::shared_ptr<File> file);
  int close(int fd);
  size_t open() const;
  template <class T>
  size_t count() const {
    size_t count = 0;
    for (const auto& file : files_) count += dynamic_cast<T*>(file.get()) != nullptr ? 1 : 0;
    return count;
  }

 private:
  std::vector<std::shared_ptr<File>> files_;
};

// As ppoll(2) of one descriptor.
int poll_one(File& file, short events, short& happened, std::optional<Time> until);

}  // namespace lp::simulation
