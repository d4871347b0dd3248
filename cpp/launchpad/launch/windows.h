// Windows of terminal programs, one for each node: each runs a placeholder that tells its terminal
// device, and the node, a child of the launcher, prints to that. A window closes when its
// placeholder ends: when the run is over, or the launcher died. One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launchpad/launch/terminal.h"

namespace lp::launching {

// A terminal program that can open windows.
class Windows {
 public:
  virtual ~Windows() = default;
  // What to execute to open a window that runs `inner`.
  virtual Executable command(const std::string& title, bool first,
                             const std::vector<std::string>& inner) = 0;
  // All windows are there.
  virtual void opened() {}
};

// A session of its own, with a window for each node; `launcher` is tmux or byobu.
class Tmux : public Windows {
 public:
  Tmux(Executable tmux, std::string launcher, std::string session, bool open_window)
      : tmux_(std::move(tmux)),
        launcher_(std::move(launcher)),
        session_(std::move(session)),
        open_window_(open_window) {}

  Executable command(const std::string& title, bool first,
                     const std::vector<std::string>& inner) override;
  void opened() override;

 private:
  Executable with(std::vector<std::string> arguments) const;
  std::string free_name() const;

  const Executable tmux_;
  const std::string launcher_;
  std::string session_;
  const bool open_window_;
};

// A window of its own for each node.
class Xterm : public Windows {
 public:
  explicit Xterm(Executable xterm) : xterm_(std::move(xterm)) {}
  Executable command(const std::string& title, bool first,
                     const std::vector<std::string>& inner) override;

 private:
  const Executable xterm_;
};

// A window for each node, or a tab for each in one window.
class GnomeTerminal : public Windows {
 public:
  GnomeTerminal(Executable gnome, bool tabs) : gnome_(std::move(gnome)), tabs_(tabs) {}
  Executable command(const std::string& title, bool first,
                     const std::vector<std::string>& inner) override;

 private:
  const Executable gnome_;
  const bool tabs_;
};

std::unique_ptr<Terminal> make_window_terminal(std::unique_ptr<Windows> windows);

}  // namespace lp::launching
