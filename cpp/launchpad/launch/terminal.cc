#include "launchpad/launch/terminal.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>

#include "launchpad/launch/windows.h"

namespace lp::launching {
namespace {

constexpr const char* kTerminalVariable = "LAUNCHPAD_LAUNCH_LOCAL_TERMINAL";
constexpr const char* kLoggingVariable = "LAUNCHPAD_LOGGING_DIR";
constexpr const char* kDefaultLoggingDir = "/tmp/launchpad_out/";

std::string variable(const Environment& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

// The launcher's own output: lines behind the nodes' names.
class CurrentTerminal : public Terminal {
 public:
  Result<std::vector<std::string>> open(const std::vector<std::string>& names) override {
    return std::vector<std::string>(names.size());
  }
};

// A file for each node, made anew by each run.
class OutputToFiles : public Terminal {
 public:
  explicit OutputToFiles(std::string folder) : folder_(std::move(folder)) {}

  Result<std::vector<std::string>> open(const std::vector<std::string>& names) override {
    std::vector<std::string> paths;
    for (const std::string& name : names) {
      std::error_code failed;
      const auto path = std::filesystem::absolute(folder_, failed) / name;
      std::filesystem::create_directories(path.parent_path(), failed);
      if (failed) {
        return Error(Code::kPermissionDenied, "cannot make the folder '" +
                                                  path.parent_path().string() + "' (" +
                                                  kLoggingVariable + "): " + failed.message());
      }
      std::cout << "Output of " + name + " goes to " + path.string() + "\n" << std::flush;
      paths.push_back(path.string());
    }
    return paths;
  }

 private:
  const std::string folder_;
};

struct Asked {
  const std::string& name;
  const TerminalOptions& options;
  const Environment& environment;
};

Result<Executable> program(const Asked& asked, const std::string& name) {
  auto found = prepare(graph::Command{.argv = {name}, .env = {}, .cwd = {}}, asked.environment);
  if (found.ok()) return found;
  return Error(Code::kFailedPrecondition,
               "terminal '" + asked.name + "' needs the program " + name +
                   ", which is not in PATH: install it, or use the terminal 'current_terminal' or "
                   "'output_to_files'");
}

Result<Executable> x_program(const Asked& asked, const std::string& name) {
  if (!variable(asked.environment, "DISPLAY").empty()) return program(asked, name);
  return Error(Code::kFailedPrecondition,
               "terminal '" + asked.name +
                   "' needs an X display, and DISPLAY is not set: use the terminal 'tmux_session', "
                   "'current_terminal' or 'output_to_files'");
}

using Made = Result<std::unique_ptr<Terminal>>;

Made make_current(const Asked&) { return Made(std::make_unique<CurrentTerminal>()); }

Made make_files(const Asked& asked) {
  const std::string folder = variable(asked.environment, kLoggingVariable);
  return Made(std::make_unique<OutputToFiles>(folder.empty() ? kDefaultLoggingDir : folder));
}

Made make_tmux(const Asked& asked) {
  LP_TRY_ASSIGN(Executable tmux, program(asked, "tmux"));
  return make_window_terminal(std::make_unique<Tmux>(
      std::move(tmux), "tmux", asked.options.tmux_session_name, asked.options.tmux_open_window));
}

Made make_byobu(const Asked& asked) {
  LP_TRY(program(asked, "byobu"));
  LP_TRY_ASSIGN(Executable tmux, program(asked, "tmux"));
  return make_window_terminal(std::make_unique<Tmux>(
      std::move(tmux), "byobu", asked.options.tmux_session_name, asked.options.tmux_open_window));
}

Made make_xterm(const Asked& asked) {
  LP_TRY_ASSIGN(Executable xterm, x_program(asked, "xterm"));
  return make_window_terminal(std::make_unique<Xterm>(std::move(xterm)));
}

template <bool Tabs>
Made make_gnome(const Asked& asked) {
  LP_TRY_ASSIGN(Executable gnome, x_program(asked, "gnome-terminal"));
  return make_window_terminal(std::make_unique<GnomeTerminal>(std::move(gnome), Tabs));
}

struct Kind {
  const char* name;
  Made (*make)(const Asked&);
};
constexpr std::array<Kind, 7> kKinds = {{
    {"current_terminal", make_current},
    {"output_to_files", make_files},
    {"tmux_session", make_tmux},
    {"byobu_session", make_byobu},
    {"xterm", make_xterm},
    {"gnome-terminal", make_gnome<false>},
    {"gnome-terminal-tabs", make_gnome<true>},
}};

const Kind* find(const std::string& name) {
  const auto* const found = std::find_if(kKinds.begin(), kKinds.end(),
                                         [&](const Kind& kind) { return kind.name == name; });
  return found == kKinds.end() ? nullptr : found;
}

}  // namespace

std::vector<std::string> terminal_names() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

Result<std::string> chosen_terminal(const std::string& asked, const Environment& environment) {
  std::string name = asked;
  std::string source = "`terminal`";
  if (name.empty()) {
    name = variable(environment, kTerminalVariable);
    source = std::string("the environment's ") + kTerminalVariable;
    if (name.empty()) name = kKinds.front().name;
  }
  if (find(name) != nullptr) return name;
  std::string all;
  for (const Kind& kind : kKinds) all += (all.empty() ? "" : ", ") + std::string(kind.name);
  return Error(Code::kInvalidArgument,
               source + " got a mode that it does not understand: '" + name + "'; there is " + all);
}

Result<std::unique_ptr<Terminal>> make_terminal(const TerminalOptions& options,
                                                const Environment& environment) {
  LP_TRY_ASSIGN(const std::string name, chosen_terminal(options.name, environment));
  return find(name)->make({name, options, environment});
}

}  // namespace lp::launching
