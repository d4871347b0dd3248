#include "launchpad/launch/output.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "launchpad/base/clock.h"
#include "launchpad/base/event.h"

namespace lp::launching {
namespace {

constexpr const char* kColours[] = {"36", "33", "32", "34", "35"};

bool wants_colour(int fd) {
  const char* refused = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && (refused == nullptr || *refused == 0);
}

std::string prefix_of(const std::string& name, size_t number, bool coloured) {
  if (!coloured) return "[" + name + "] ";
  return std::string("\x1b[1;") + kColours[number % std::size(kColours)] + "m[" + name +
         "]\x1b[0m ";
}

}  // namespace

Output::Output(int out, int err)
    : sinks_{{out, wants_colour(out)}, {err, wants_colour(err)}}, event_(base::make_event()) {}

Output::~Output() { finish(); }

void Output::add(base::Fd pipe, bool is_error, const std::string& name, size_t number) {
  streams_.push_back(
      {std::move(pipe), is_error, prefix_of(name, number, sinks_[is_error ? 1 : 0].coloured), {}});
}

void Output::start() {
  thread_ = std::thread([this] { loop(); });
}

void Output::finish() {
  if (!thread_.joinable()) return;
  finishing_ = true;
  base::set_event(event_.get());
  thread_.join();
}

void Output::hurry() {
  hurrying_ = true;
  base::set_event(event_.get());
}

void Output::loop() {
  ::pthread_setname_np(::pthread_self(), "lp-output");
  base::Deadline limit;
  std::vector<pollfd> fds;
  for (;;) {
    fds.clear();
    for (const Stream& stream : streams_) fds.push_back({stream.pipe.get(), POLLIN, 0});
    const bool open =
        std::any_of(fds.begin(), fds.end(), [](const pollfd& fd) { return fd.fd >= 0; });
    if (finishing_ && limit.never()) limit = base::Deadline::after(kDrain);
    if (finishing_ && (!open || limit.passed())) break;
    fds.push_back({event_.get(), POLLIN, 0});
    if (::poll(fds.data(), fds.size(), limit.poll_timeout()) < 0) continue;
    if (fds.back().revents != 0) {
      base::clear_event(event_.get());
    }
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (fds[i].fd >= 0 && fds[i].revents != 0) drain(streams_[i]);
    }
    for (Sink& sink : sinks_) print(sink);
  }
  for (Stream& stream : streams_) take_lines(stream, true);
  for (Sink& sink : sinks_) print(sink);
}

void Output::drain(Stream& stream) {
  char buffer[kMaxLine];
  // One read each: no node keeps another from being heard.
  const ssize_t size = ::read(stream.pipe.get(), buffer, sizeof(buffer));
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (size > 0) {
    stream.pending.append(buffer, static_cast<size_t>(size));
    take_lines(stream, false);
    return;
  }
  take_lines(stream, true);
  stream.pipe.reset();
}

void Output::take_lines(Stream& stream, bool all) {
  Sink& sink = sinks_[stream.is_error ? 1 : 0];
  std::string_view rest = stream.pending;
  while (!rest.empty()) {
    size_t length = rest.find('\n');
    const bool whole = length != rest.npos && length <= kMaxLine;
    if (!whole) {
      if (rest.size() < kMaxLine && !all) break;
      length = std::min(rest.size(), kMaxLine);
    }
    if (!sink.broken) {
      sink.waiting += stream.prefix;
      sink.waiting += rest.substr(0, length);
      sink.waiting += '\n';
    }
    rest.remove_prefix(length + (whole ? 1 : 0));
  }
  stream.pending.erase(0, stream.pending.size() - rest.size());
}

void Output::print(Sink& sink) {
  std::string_view rest = sink.waiting;
  while (!rest.empty() && !sink.broken) {
    // A pipe takes this much whole or not at all; so lines are cut where several launchers write
    // only if long.
    size_t size = std::min<size_t>(rest.size(), PIPE_BUF);
    const size_t line = rest.substr(0, size).rfind('\n');
    if (line != rest.npos) size = line + 1;
    if (!wait_for(sink)) break;
    const ssize_t written = ::write(sink.fd, rest.data(), size);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0)
      sink.broken = true;  // Nobody reads any more; the nodes go on.
    else
      rest.remove_prefix(static_cast<size_t>(written));
  }
  sink.waiting.clear();
}

bool Output::wait_for(const Sink& sink) {
  for (;;) {
    const bool hurrying = hurrying_;
    pollfd fds[] = {{sink.fd, POLLOUT, 0}, {hurrying ? -1 : event_.get(), POLLIN, 0}};
    if (::poll(fds, 2, hurrying ? 0 : -1) < 0) continue;
    if (fds[0].revents != 0) return true;
    if (hurrying) return false;
    base::clear_event(event_.get());
  }
}

}  // namespace lp::launching
