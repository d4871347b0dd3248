#include "launchpad/graph/python_node.h"

#include <cstdlib>

#include "launchpad/wire/frame_bytes.h"

namespace lp::graph {

Status PythonNodeBody::check() const {
  const size_t colon = target_.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == target_.size()) {
    return Error(Code::kInvalidArgument,
                 "'" + target_ + "' names no Python class: write \"module:Class\"");
  }
  return {};
}

std::optional<Command> PythonNodeBody::command() const {
  std::string python = interpreter;
  if (python.empty()) {
    const char* chosen = std::getenv("LAUNCHPAD_PYTHON");
    python = chosen != nullptr ? chosen : "python3";
  }
  return Command{{python, "-m", "launchpad.worker"}, {}, {}};
}

Result<std::string> PythonNodeBody::payload(const run::Context& context) const {
  // Handles are resolved with the run's addresses; the clients travel as references.
  const run::ScopedContext scope(std::make_shared<const run::Context>(context));
  try {
    return wire::frame_to_bytes(target_, encode_());
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace lp::graph
