#include "launchpad/launch/windows.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <set>
#include <sstream>

#include "launchpad/launch/assistant.h"
#include "launchpad/launch/kernel.h"

namespace lp::launching {
namespace {

// How long a window may take to open, and its program to end.
constexpr base::Nanos kOpenLimit{20'000'000'000};
constexpr base::Nanos kCloseLimit{2'000'000'000};

// $1: where to report; $2: the launcher. `tail` ends with that process, and reads nothing, so that
// what is typed is the node's.
constexpr const char* kPlaceholder =
    "trap '' INT QUIT TSTP; echo $$ $(tty) >\"$1\"; exec tail -s 0.2 --pid=\"$2\" -f /dev/null";

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

Executable with_arguments(Executable executable, const std::vector<std::string>& arguments) {
  executable.argv.insert(executable.argv.end(), arguments.begin(), arguments.end());
  return executable;
}

// A folder that goes with this.
class Folder {
 public:
  static Result<Folder> make() {
    std::error_code failed;
    std::string path = (std::filesystem::temp_directory_path(failed) / "launchpad-XXXXXX").string();
    if (failed || ::mkdtemp(path.data()) == nullptr)
      return Error(Code::kResourceExhausted,
                   "cannot make a temporary folder '" + path + "': " + std::strerror(errno));
    return Folder(std::move(path));
  }
  Folder(Folder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Folder& operator=(Folder&&) = delete;
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

struct Holder {
  base::Fd process;  // A pidfd of the placeholder.
  std::string device;
};

Error no_window(const std::string& name, const std::string& program, const std::string& why) {
  return Error(Code::kUnavailable,
               "no window could be opened for node '" + name + "': '" + program + "' " + why);
}

// Waits for the placeholder's report.
Result<Holder> reported(int pipe, Assistant& opener, const std::string& name,
                        const std::string& program) {
  const auto limit = base::Deadline::after(kOpenLimit);
  std::string text;
  bool ended = false;
  while (!text.ends_with('\n')) {
    if (limit.passed()) return no_window(name, program, "hangs");
    pollfd fds[] = {{pipe, POLLIN, 0}, {ended ? -1 : opener.pidfd(), POLLIN, 0}};
    ::poll(fds, 2, limit.poll_timeout());
    if (fds[0].revents != 0) {
      char buffer[256];
      const ssize_t size = ::read(pipe, buffer, sizeof(buffer));
      if (size > 0) text.append(buffer, static_cast<size_t>(size));
    } else if (fds[1].revents != 0) {
      ended = true;  // It may have handed the window to a server of its own.
      if (opener.wait(kCloseLimit) != 0)
        return no_window(name, program, "said: " + opener.errors());
    }
  }
  std::istringstream words(text);
  pid_t pid = 0;
  Holder holder;
  words >> pid >> holder.device;
  holder.process.reset(pidfd_open(pid));
  if (!holder.process.valid() || !holder.device.starts_with('/'))
    return no_window(name, program, "reported '" + text.substr(0, text.size() - 1) + "'");
  return holder;
}

class WindowTerminal : public Terminal {
 public:
  explicit WindowTerminal(std::unique_ptr<Windows> windows) : windows_(std::move(windows)) {}

  ~WindowTerminal() override {
    for (const base::Fd& holder : holders_) pidfd_send_signal(holder.get(), SIGKILL);
    for (Assistant& program : programs_) program.wait(kCloseLimit);
  }

  Result<std::vector<std::string>> open(const std::vector<std::string>& names) override {
    LP_TRY_ASSIGN(const Folder folder, Folder::make());
    std::vector<std::string> devices;
    for (const std::string& name : names) {
      const std::string report = folder.path() + "/" + std::to_string(devices.size());
      LP_TRY_ASSIGN(std::string device, open_one(name, report, devices.empty()));
      devices.push_back(std::move(device));
    }
    windows_->opened();
    return devices;
  }

 private:
  Result<std::string> open_one(const std::string& name, const std::string& report, bool first) {
    // Open for writing, too: so it has no end.
    const bool made = ::mkfifo(report.c_str(), 0600) == 0;
    const base::Fd pipe(made ? ::open(report.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1);
    if (!pipe.valid())
      return Error(Code::kResourceExhausted,
                   "cannot make the pipe '" + report + "': " + std::strerror(errno));
    const Executable command = windows_->command(
        name, first, {"/bin/sh", "-c", kPlaceholder, "sh", report, std::to_string(::getpid())});
    LP_TRY_ASSIGN(Assistant opener, Assistant::start(command));
    programs_.push_back(std::move(opener));
    LP_TRY_ASSIGN(Holder holder, reported(pipe.get(), programs_.back(), name, command.path));
    holders_.push_back(std::move(holder.process));
    return holder.device;
  }

  std::unique_ptr<Windows> windows_;
  std::vector<base::Fd> holders_;    // Placeholders.
  std::vector<Assistant> programs_;  // What opened the windows.
};

}  // namespace

Executable Tmux::with(std::vector<std::string> arguments) const {
  return with_arguments(tmux_, arguments);
}

Executable Tmux::command(const std::string& title, bool first,
                         const std::vector<std::string>& inner) {
  std::string line = "exec";
  for (const std::string& word : inner) line += " " + quoted(word);
  if (!first) return with({"new-window", "-d", "-t", "=" + session_ + ":", "-n", title, line});
  session_ = free_name();
  return with({"new-session", "-d", "-s", session_, "-n", title, line});
}

std::string Tmux::free_name() const {
  std::set<std::string> taken;
  auto lister = Assistant::start(with({"list-sessions", "-F", "#{session_name}"}));
  if (lister.ok()) {
    lister->wait(kOpenLimit);
    std::istringstream lines(lister->output());
    for (std::string line; std::getline(lines, line);) taken.insert(line);
  }
  std::string name = session_;
  for (int number = 0; taken.contains(name); ++number)
    name = session_ + "_" + std::to_string(number);
  return name;
}

void Tmux::opened() {
  std::cout << "The nodes' output is in the session '" + session_ + "': " + launcher_ +
                   " attach -t " + session_ + "\n"
            << std::flush;
  if (!open_window_) return;
  // Works inside of tmux only; elsewhere the line above says how.
  auto switcher = Assistant::start(with({"switch-client", "-t", "=" + session_}));
  if (switcher.ok()) switcher->wait(kCloseLimit);
}

Executable Xterm::command(const std::string& title, bool, const std::vector<std::string>& inner) {
  return with_arguments(with_arguments(xterm_, {"-title", title, "-e"}), inner);
}

Executable GnomeTerminal::command(const std::string& title, bool first,
                                  const std::vector<std::string>& inner) {
  const std::string place = tabs_ && !first ? "--tab" : "--window";
  return with_arguments(with_arguments(gnome_, {place, "--title", title, "--"}), inner);
}

std::unique_ptr<Terminal> make_window_terminal(std::unique_ptr<Windows> windows) {
  return std::make_unique<WindowTerminal>(std::move(windows));
}

}  // namespace lp::launching
