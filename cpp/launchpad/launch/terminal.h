// Terminal says where the nodes of local_mp print: the launcher's output, files, or windows of
// terminal programs. The nodes stay the launcher's children in all of them: a window only lends
// them its device. Made and opened by the thread that launches, ended by the run's. One thread at a
// time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "launchpad/launch/child_process.h"

namespace lp::launching {

struct TerminalOptions {
  // One of terminal_names(). Empty: what LAUNCHPAD_LAUNCH_LOCAL_TERMINAL says, else
  // current_terminal.
  std::string name{};
  // The session of tmux_session; if it is taken, with _0, _1 and so on behind it.
  std::string tmux_session_name = "launchpad";
  // A launcher that runs inside tmux switches to the session.
  bool tmux_open_window = false;
};

class Terminal {
 public:
  // The run is over: windows close.
  virtual ~Terminal() = default;
  // For each node ("label/index") the file or device that it prints to; empty: the launcher's
  // output. Once. UNAVAILABLE: a window did not open.
  virtual Result<std::vector<std::string>> open(const std::vector<std::string>& names) = 0;
};

// "current_terminal" and so on.
std::vector<std::string> terminal_names();

// The name that is asked for, here or in the environment. INVALID_ARGUMENT for one that is none.
Result<std::string> chosen_terminal(const std::string& asked, const Environment& environment);

// FAILED_PRECONDITION: a program or a display that it needs is not there.
Result<std::unique_ptr<Terminal>> make_terminal(const TerminalOptions& options,
                                                const Environment& environment);

}  // namespace lp::launching
