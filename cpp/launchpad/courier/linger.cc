#include "launchpad/courier/linger.h"

#include <utility>

namespace lp::courier {
namespace {

// To keep a connection and to let it go are two system calls: after a miss it is tried again as
// many calls later.
constexpr int kPause = 16;

}  // namespace

bool Linger::keep(const std::shared_ptr<Session>& session) {
  return kept_.with([&](Kept& kept) {
    if (kept.session != nullptr) return kept.session == session;
    if (kept.pause > 0) {
      --kept.pause;
      return false;
    }
    kept.session = session;
    session->watch_reading(false);
    return true;
  });
}

void Linger::miss(const std::shared_ptr<Session>& session) {
  kept_.with([](Kept& kept) { kept.pause = kPause; });
  let_go(session);
}

void Linger::let_go(const std::shared_ptr<Session>& session) {
  if (!keeps()) return;
  kept_.with([&](Kept& kept) {
    if (kept.session == session) let_go(kept);
  });
}

void Linger::let_go() {
  if (!keeps()) return;
  kept_.with([](Kept& kept) { let_go(kept); });
}

void Linger::let_go(Kept& kept) {
  if (const auto session = std::exchange(kept.session, nullptr)) session->watch_reading(true);
}

}  // namespace lp::courier
