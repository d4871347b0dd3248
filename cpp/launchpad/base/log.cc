#include "launchpad/base/log.h"

#define SPDLOG_HEADER_ONLY
#define FMT_HEADER_ONLY
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace lp::base {
namespace {

std::shared_ptr<spdlog::logger> make_logger() {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("launchpad", sink);
  logger->set_pattern("%n %L  %v");
  const char* level = std::getenv("LAUNCHPAD_LOG");
  logger->set_level(spdlog::level::from_str(level != nullptr ? level : "warning"));
  logger->flush_on(spdlog::level::trace);
  return logger;
}

}  // namespace

void log(LogLevel level, std::string_view message) {
  // Leaked on purpose: threads may log while the process exits.
  static auto* const logger = new std::shared_ptr<spdlog::logger>(make_logger());
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err};
  (*logger)->log(kLevels[static_cast<int>(level)],
                 spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace lp::base
