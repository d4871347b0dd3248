#include "bindings/waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "bindings/imports.h"
#include "launchpad/base/fd.h"

namespace lp::bindings {
namespace {

PyObject* get_ident = nullptr;
PyObject* main_thread = nullptr;
PyObject* set_wakeup_fd = nullptr;

// Whether this is the thread that runs the handlers of signals.
bool hears_signals() {
  const nb::object main = cached(main_thread, "threading", "main_thread")();
  return cached(get_ident, "threading", "get_ident")().equal(main.attr("ident"));
}

// While it lives, fd() becomes readable when a signal comes whose handler is Python's. Not ok():
// somebody else is told of signals so, an event loop for one, or there were no descriptors left.
class SignalBell {
 public:
  SignalBell() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
    read_.reset(ends[0]);
    write_.reset(ends[1]);
    const int before = tell(-1);
    ok_ = before < 0;
    if (ok_)
      tell(write_.get());
    else
      tell_again(before);
  }
  ~SignalBell() {
    if (!ok_) return;
    const nb::error_scope raised;
    // A handler may have set another one meanwhile, for good.
    const int now = tell(-1);
    if (now != write_.get()) tell_again(now);
  }
  SignalBell(const SignalBell&) = delete;
  SignalBell& operator=(const SignalBell&) = delete;

  bool ok() const { return ok_; }
  int fd() const { return read_.get(); }
  void silence() const {
    char bytes[64];
    while (::read(read_.get(), bytes, sizeof(bytes)) > 0) {
    }
  }

 private:
  // Gives the one that was told before.
  static int tell(int fd) {
    return nb::cast<int>(cached(set_wakeup_fd, "signal", "set_wakeup_fd")(fd));
  }

  static void tell_again(int fd) {
    try {
      tell(fd);
    } catch (const nb::python_error&) {
      // It was closed by now.
    }
  }

  base::Fd read_, write_;
  bool ok_ = false;
};

// Until one of them is, or the deadline passes. Whether `fd` is; `also` may be -1.
bool readable(int fd, int also, const base::Deadline& deadline) {
  pollfd watched[] = {{fd, POLLIN, 0}, {also, POLLIN, 0}};
  return ::poll(watched, 2, deadline.poll_timeout()) > 0 && watched[0].revents != 0;
}

}  // namespace

bool wait_readable(int fd, const base::Deadline& deadline) {
  const auto wait = [fd](const base::Deadline& until) { return readable(fd, -1, until); };
  std::optional<SignalBell> bell;
  if (hears_signals()) bell.emplace();
  if (bell && !bell->ok()) return wait_heeding_signals(deadline, wait);
  // What came before the bell was there.
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
  while (true) {
    bool done = false;
    {
      const GilReleased released;
      done = readable(fd, bell ? bell->fd() : -1, deadline);
    }
    if (bell) bell->silence();
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (done || deadline.passed()) return done;
  }
}

}  // namespace lp::bindings
