#include "launchpad/launch/inbox.h"

#include <unistd.h>

#include "launchpad/base/event.h"

namespace lp::launching {

Inbox::Inbox() : event(base::make_event()) {}

void Inbox::post_stop() {
  content_.with([](Content& content) { content.stop = true; });
  wake();
}

void Inbox::post_kill() {
  content_.with([](Content& content) { content.kill = true; });
  wake();
}

void Inbox::post_handlers_done() {
  content_.with([](Content& content) { content.handlers_done = true; });
  wake();
}

void Inbox::post_end(size_t task, std::optional<Error> error) {
  content_.with([&](Content& content) { content.ended.emplace_back(task, std::move(error)); });
  wake();
}

Inbox::Content Inbox::take() {
  base::clear_event(event.get());
  return content_.with([](Content& content) { return std::exchange(content, Content()); });
}

void Inbox::wake() { base::set_event(event.get()); }

}  // namespace lp::launching
