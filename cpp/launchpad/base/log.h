// One line to the log (standard error): "launchpad W  message". Level from LAUNCHPAD_LOG (debug,
// info, warning, error, off; default warning). Any thread.
#pragma once

#include <string_view>

namespace lp::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

void log(LogLevel level, std::string_view message);

}  // namespace lp::base
